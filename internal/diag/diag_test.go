package diag_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast/internal/diag"
)

func TestRenderDrawsTheLineAndACaret(t *testing.T) {
	source := "first\n\tkäse: \"x\"\r\n" + strings.Repeat("long", 200) + "\nbell\a\n"
	at := func(line, column int) diag.Diagnostic {
		return diag.Diagnostic{File: "f.yaml", Pos: diag.Pos{Line: line, Column: column}, Message: "wrong"}
	}
	warning := at(1, 1)
	warning.Severity, warning.Hint = diag.Warning, "mend it"
	secret := at(1, 1)
	secret.Secret = true
	for _, tt := range []struct {
		name string
		diag.Diagnostic
		want string
	}{
		{"a tab stays a tab, and a character is one column", at(2, 8), "f.yaml:2:8: wrong\n    2 | \tkäse: \"x\"\n      | \t      ^\n"},
		{"a warning with a hint", warning, "f.yaml:1:1: warning: wrong; mend it\n    1 | first\n      | ^\n"},
		{"a secret line is not shown", secret, "f.yaml:1:1: wrong\n"},
		{"nor a very long one", at(3, 1), "f.yaml:3:1: wrong\n"},
		{"nor one that is not there", at(9, 1), "f.yaml:9:1: wrong\n"},
		{"control characters don't reach the terminal", at(4, 1), "f.yaml:4:1: wrong\n    4 | bell?\n      | ^\n"},
		{"the file as a whole", at(0, 0), "f.yaml: wrong\n"},
	} {
		var b strings.Builder
		if err := (diag.List{tt.Diagnostic}).Render(&b, func(string) []byte { return []byte(source) }); err != nil {
			t.Fatal(err)
		}
		if b.String() != tt.want {
			t.Errorf("%s:\n%q, want\n%q", tt.name, b.String(), tt.want)
		}
	}
}

func TestFindingsBeyondAHundredAreCounted(t *testing.T) {
	var l diag.List
	for range 250 {
		l.Add("f.yaml", diag.Pos{Line: 1, Column: 1}, "wrong\nin \x1b[31m\u202ered")
	}
	var b strings.Builder
	if err := l.Render(&b, func(string) []byte { return []byte("x") }); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "f.yaml:1:1: wrong?in ?[31m?red\n"); n != 100 || !strings.HasSuffix(b.String(), "… and 150 more\n") {
		t.Errorf("%d are drawn, and then: %q", n, b.String()[len(b.String())-40:])
	}
}

func TestAListOfWarningsIsNoError(t *testing.T) {
	l := diag.List{{Message: "doubtful", Severity: diag.Warning}}
	if err := l.Err(); err != nil {
		t.Errorf("warnings alone are the error %v", err)
	}
	l.Add("b.yaml", diag.Pos{Line: 2, Column: 1}, "wrong")
	l.Add("b.yaml", diag.Pos{Line: 1, Column: 7}, "also wrong")
	l.Sort()
	if err := l.Err(); err == nil || err.Error() != ": warning: doubtful\nb.yaml:1:7: also wrong\nb.yaml:2:1: wrong" {
		t.Errorf("the error is %v", err)
	}
	if l.Errors() != 2 {
		t.Errorf("%d errors, want 2", l.Errors())
	}
}

func TestSuggestNamesWhatIsNear(t *testing.T) {
	known := []string{"threshold", "timespan", "count", "device.trusted"}
	for written, want := range map[string]string{
		"thresold": "threshold", "cuont": "count", "Timespan": "timespan", "device.trustd": "device.trusted",
		"x": "", "something": "", strings.Repeat("count", 100): "",
	} {
		if want != "" {
			want = "did you mean `" + want + "`?"
		}
		if got := diag.Suggest(written, known); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

func TestProgramsReadAFinding(t *testing.T) {
	for _, tt := range []struct {
		diag.Diagnostic
		want string
	}{
		{
			diag.Diagnostic{File: "f.yaml", Pos: diag.Pos{Line: 2, Column: 7}, Severity: diag.Warning, Code: "never", Message: "wrong", Hint: "mend it"},
			`{"file":"f.yaml","line":2,"column":7,"severity":"warning","code":"never","message":"wrong","hint":"mend it"}`,
		},
		{diag.Diagnostic{File: "f.yaml", Message: "empty"}, `{"file":"f.yaml","line":0,"column":0,"severity":"error","message":"empty"}`},
	} {
		if got, err := json.Marshal(tt.Diagnostic); err != nil || string(got) != tt.want {
			t.Errorf("%s, %v, want %s", got, err, tt.want)
		}
	}
}
