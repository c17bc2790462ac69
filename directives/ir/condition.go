package ir

// Condition is a `when`: CEL, type-checked and reduced to what SQL can decide.
type Condition struct {
	Source string // as written
	Expr   *Expr
	Pos    Pos
}

// ExprOp is a node of a Condition's expression.
type ExprOp uint8

const (
	// OpAnd and OpOr have two or more Args, OpNot one.
	OpAnd ExprOp = iota
	OpOr
	OpNot
	// Comparisons have two Args of one Scalar class.
	OpEq
	OpNe
	OpLt
	OpLe
	OpGt
	OpGe
	// OpIn has a scalar and a list (OpList, or OpViewer with List set).
	OpIn
	// OpIsNull has one Arg; `x == null`.
	OpIsNull
	// OpList has constant Args.
	OpList
	// OpConst is Value, a string, int64, float64 or bool, or time.Time for timestamp("…"). Where Scalar is Decimal it is an
	// int64 of ten-thousandths, where it is UUID the text in lower case.
	OpConst
	// OpRow is a column: Path is a chain of ToOne fields ending in a Column, ID or ToOne (its key).
	OpRow
	// OpViewer is the viewer's attribute Attr; missing is null. `viewer.id`, `viewer.role` and `viewer.subject` are built in.
	OpViewer
	// OpNow is the time of the request.
	OpNow
)

// Expr is a typed expression tree. SQL's three-valued logic gives it its meaning: unknown is not granted.
type Expr struct {
	Op     ExprOp
	Args   []*Expr
	Path   []*Field // OpRow
	Attr   string   // OpViewer
	List   bool     // OpViewer: the attribute is a list
	Value  any      // OpConst
	Scalar Scalar   // of value-like nodes; of OpViewer inferred from the other operand
	Pos    Pos
}
