package env

// Parse is parse, for tests.
var Parse = parse
