module shardwright/upstream_verdicts/schema

go 1.26.0

require k8s.io/apiextensions-apiserver v0.34.3
