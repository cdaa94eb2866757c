package handler

// Decode is decode, for the benchmark.
var Decode = decode
