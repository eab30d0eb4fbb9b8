module shardwright/upstream_verdicts/kuberay

go 1.26.0

require (
	github.com/ray-project/kuberay/ray-operator v1.6.2
	shardwright/upstream_verdicts/schema v0.0.0
)

replace shardwright/upstream_verdicts/schema => ../schema
