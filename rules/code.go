package rules

import "github.com/holdfastd/holdfast/internal/diag"

// The codes of findings.
const (
	codeYAML      diag.Code = "yaml"      // not YAML
	codeRule      diag.Code = "rule"      // not what a rule is made of
	codeCondition diag.Code = "condition" // not a condition, or of wrong types
	codeAlerts    diag.Code = "alerts"    // rules that build on the alerts of others
	codeConstant  diag.Code = "constant"  // compared with what is no value of the field
	codeNever     diag.Code = "never"     // a condition that never holds, a rule that never fires
	codeMoot      diag.Code = "moot"      // a part of a condition that decides nothing
	codeDuplicate diag.Code = "duplicate" // a rule that adds nothing to another
	codeTemplate  diag.Code = "template"  // a message that can't be sent as it is
)
