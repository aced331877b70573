package expression

// FieldNames lists the fields that a condition can read, in the order in which
// they are documented. Attributes, which are named attrs.NAME, are left out:
// there is no end of them.
func FieldNames() []string { return fieldNames() }
