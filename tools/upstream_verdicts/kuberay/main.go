// Verdicts of KubeRay's definitions, webhooks and operator on objects from standard input.
package main

import (
	"context"
	"fmt"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"

	rayv1 "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/utils"
	_ "github.com/ray-project/kuberay/ray-operator/pkg/features"
	webhooks "github.com/ray-project/kuberay/ray-operator/pkg/webhooks/v1"
	"shardwright/upstream_verdicts/schema"
)

func main() { schema.Run(schema.Project{Mutate: mutate, Admit: admit}) }

func mutate(_ string, object map[string]any) (map[string]any, error) { return object, nil }

// setGates turns feature gates on or off, the others as they are by default; gives back what undoes it.
func setGates(gates map[string]bool) func() {
	mutable := utilfeature.DefaultMutableFeatureGate
	undo := map[string]bool{}
	for name, value := range gates {
		if spec, known := mutable.GetAll()[featuregate.Feature(name)]; known {
			undo[name] = spec.Default
			_ = mutable.SetFromMap(map[string]bool{name: value})
		}
	}
	return func() { _ = mutable.SetFromMap(undo) }
}

func admit(kind string, now, before map[string]any, gates map[string]bool) (string, error) {
	defer setGates(gates)()
	ctx := context.Background()
	switch kind {
	case "ray.io/v1/RayCluster":
		var made rayv1.RayCluster
		if err := schema.Typed(now, &made); err != nil {
			return "decode", err
		}
		if _, err := (&webhooks.RayClusterWebhook{}).ValidateCreate(ctx, &made); err != nil {
			return "webhook", err
		}
		return operator(
			func() error { return utils.ValidateRayClusterMetadata(made.ObjectMeta) },
			func() error { return utils.ValidateRayClusterSpec(&made.Spec, made.Annotations) },
			func() error { return utils.ValidateRayClusterUpgradeOptions(&made) },
		)
	case "ray.io/v1/RayService":
		var made rayv1.RayService
		if err := schema.Typed(now, &made); err != nil {
			return "decode", err
		}
		if _, err := (&webhooks.RayServiceWebhook{}).ValidateCreate(ctx, &made); err != nil {
			return "webhook", err
		}
		return operator(
			func() error { return utils.ValidateRayServiceMetadata(made.ObjectMeta) },
			func() error { return utils.ValidateRayServiceSpec(&made) },
		)
	case "ray.io/v1/RayJob":
		var made rayv1.RayJob
		if err := schema.Typed(now, &made); err != nil {
			return "decode", err
		}
		if _, err := (&webhooks.RayJobWebhook{}).ValidateCreate(ctx, &made); err != nil {
			return "webhook", err
		}
		return operator(
			func() error { return utils.ValidateRayJobMetadata(made.ObjectMeta) },
			func() error { return utils.ValidateRayJobSpec(&made) },
		)
	case "ray.io/v1/RayCronJob":
		var made rayv1.RayCronJob
		if err := schema.Typed(now, &made); err != nil {
			return "decode", err
		}
		return operator(func() error { return utils.ValidateRayCronJobSpec(&made) })
	}
	return "kind", fmt.Errorf("no rules for %s", kind)
}

func operator(checks ...func() error) (string, error) {
	for _, check := range checks {
		if err := check(); err != nil {
			return "operator", err
		}
	}
	return "", nil
}
