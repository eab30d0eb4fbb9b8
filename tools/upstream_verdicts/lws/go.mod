module shardwright/upstream_verdicts/lws

go 1.26.0

require (
	sigs.k8s.io/lws v0.9.0
	shardwright/upstream_verdicts/schema v0.0.0
)

replace shardwright/upstream_verdicts/schema => ../schema
