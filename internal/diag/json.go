package diag

import "encoding/json"

// MarshalJSON writes the finding as an object that programs can rely on: file,
// line and column (0 for the file as a whole), severity ("error" or "warning"),
// code, message and hint; what is empty is left out, of code and hint.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
		Severity string `json:"severity"`
		Code     Code   `json:"code,omitempty"`
		Message  string `json:"message"`
		Hint     string `json:"hint,omitempty"`
	}{d.File, d.Line, d.Column, d.Severity.String(), d.Code, d.Message, d.Hint})
}
