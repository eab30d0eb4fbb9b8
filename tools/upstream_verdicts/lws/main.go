// Verdicts of LeaderWorkerSet's definitions and webhooks on objects from standard input.
package main

import (
	"context"

	"shardwright/upstream_verdicts/schema"
	disaggv1 "sigs.k8s.io/lws/api/disaggregatedset/v1"
	lwsv1 "sigs.k8s.io/lws/api/leaderworkerset/v1"
	"sigs.k8s.io/lws/pkg/webhooks"
	"sigs.k8s.io/lws/pkg/webhooks/disaggregatedset"
)

const (
	set  = "leaderworkerset.x-k8s.io/v1/LeaderWorkerSet"
	many = "disaggregatedset.x-k8s.io/v1/DisaggregatedSet"
)

func main() { schema.Run(schema.Project{Mutate: mutate, Admit: admit}) }

func mutate(kind string, object map[string]any) (map[string]any, error) {
	if kind != set {
		return object, nil
	}
	var typed lwsv1.LeaderWorkerSet
	if err := schema.Typed(object, &typed); err != nil {
		return nil, err
	}
	before := typed.DeepCopy()
	if err := (&webhooks.LeaderWorkerSetWebhook{}).Default(context.Background(), &typed); err != nil {
		return nil, err
	}
	return schema.Mutated(object, before, &typed)
}

func admit(kind string, now, before map[string]any, _ map[string]bool) (string, error) {
	var err error
	switch kind {
	case set:
		var made, old lwsv1.LeaderWorkerSet
		if err = schema.Typed(now, &made); err != nil {
			break
		}
		hook := &webhooks.LeaderWorkerSetWebhook{}
		if before == nil {
			_, err = hook.ValidateCreate(context.Background(), &made)
			break
		}
		if err = schema.Typed(before, &old); err == nil {
			_, err = hook.ValidateUpdate(context.Background(), &old, &made)
		}
	case many:
		var made disaggv1.DisaggregatedSet
		if err = schema.Typed(now, &made); err == nil {
			_, err = (&disaggregatedset.DisaggregatedSetWebhook{}).ValidateCreate(context.Background(), &made)
		}
	}
	return "webhook", err
}
