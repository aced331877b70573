package expression

// Always reports whether the condition holds for every event of its type.
func (c *Condition) Always() bool { return c.always }
