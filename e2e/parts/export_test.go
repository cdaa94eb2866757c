package parts

// LinkedFrom is for its test.
var LinkedFrom = linkedFrom
