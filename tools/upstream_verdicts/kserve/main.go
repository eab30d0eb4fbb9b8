// Verdicts of KServe's definitions and webhooks on objects from standard input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kserve/kserve/pkg/apis/serving/v1alpha1"
	"github.com/kserve/kserve/pkg/apis/serving/v1alpha2"
	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	"github.com/kserve/kserve/pkg/controller/v1alpha2/llmisvc"
	"github.com/kserve/kserve/pkg/webhook/admission/servingruntime"
	"shardwright/upstream_verdicts/schema"
)

const group = "serving.kserve.io/"

func main() { schema.Run(schema.Project{Mutate: mutate, Admit: admit}) }

func mutate(kind string, object map[string]any) (map[string]any, error) {
	ctx := context.Background()
	switch kind {
	case group + "v1beta1/InferenceService":
		var typed v1beta1.InferenceService
		if err := schema.Typed(object, &typed); err != nil {
			return nil, err
		}
		before := typed.DeepCopy()
		typed.DefaultInferenceService(&v1beta1.InferenceServicesConfig{}, nil, nil, nil, nil)
		return schema.Mutated(object, before, &typed)
	case group + "v1alpha2/LLMInferenceService":
		var typed v1alpha2.LLMInferenceService
		if err := schema.Typed(object, &typed); err != nil {
			return nil, err
		}
		before := typed.DeepCopy()
		typed.SetDefaults(ctx)
		return schema.Mutated(object, before, &typed)
	case group + "v1alpha1/LLMInferenceService":
		var typed v1alpha1.LLMInferenceService
		if err := schema.Typed(object, &typed); err != nil {
			return nil, err
		}
		before := typed.DeepCopy()
		var newer v1alpha2.LLMInferenceService
		if err := typed.ConvertTo(&newer); err != nil {
			return nil, err
		}
		newer.SetDefaults(ctx)
		if err := typed.ConvertFrom(&newer); err != nil {
			return nil, err
		}
		return schema.Mutated(object, before, &typed)
	}
	return object, nil
}

type validator interface {
	ValidateCreate(context.Context, runtime.Object) (admission.Warnings, error)
	ValidateUpdate(context.Context, runtime.Object, runtime.Object) (admission.Warnings, error)
}

func admit(kind string, now, before map[string]any, _ map[string]bool) (string, error) {
	switch kind {
	case group + "v1beta1/InferenceService":
		return ask(&v1beta1.InferenceServiceValidator{}, now, before, &v1beta1.InferenceService{}, &v1beta1.InferenceService{})
	case group + "v1alpha2/LLMInferenceService":
		return ask(&v1alpha2.LLMInferenceServiceValidator{}, now, before, &v1alpha2.LLMInferenceService{}, &v1alpha2.LLMInferenceService{})
	case group + "v1alpha1/LLMInferenceService":
		if at, err := ask(&v1alpha1.LLMInferenceServiceValidator{}, now, before, &v1alpha1.LLMInferenceService{}, &v1alpha1.LLMInferenceService{}); err != nil {
			return at, err
		}
		return askNewer(now)
	case group + "v1alpha2/LLMInferenceServiceConfig":
		hook := &v1alpha2.LLMInferenceServiceConfigValidator{ConfigValidationFunc: templates}
		return ask(hook, now, before, &v1alpha2.LLMInferenceServiceConfig{}, &v1alpha2.LLMInferenceServiceConfig{})
	case group + "v1alpha1/LLMInferenceServiceConfig":
		hook := &v1alpha1.LLMInferenceServiceConfigValidator{ConfigValidationFunc: func(ctx context.Context, config *v1alpha1.LLMInferenceServiceConfig) error {
			var newer v1alpha2.LLMInferenceServiceConfig
			if err := config.ConvertTo(&newer); err != nil {
				return err
			}
			return templates(ctx, &newer)
		}}
		return ask(hook, now, before, &v1alpha1.LLMInferenceServiceConfig{}, &v1alpha1.LLMInferenceServiceConfig{})
	case group + "v1alpha1/ServingRuntime", group + "v1alpha1/ClusterServingRuntime":
		return askRuntime(kind, now, before)
	}
	return "kind", fmt.Errorf("no rules for %s", kind)
}

func templates(_ context.Context, config *v1alpha2.LLMInferenceServiceConfig) error {
	_, err := llmisvc.ReplaceVariables(llmisvc.LLMInferenceServiceSample(), config, &llmisvc.Config{SystemNamespace: "kserve"})
	return err
}

func ask(hook validator, now, before map[string]any, made, old runtime.Object) (string, error) {
	if err := schema.Typed(now, made); err != nil {
		return "webhook", err
	}
	if before == nil {
		_, err := hook.ValidateCreate(context.Background(), made)
		return "webhook", err
	}
	if err := schema.Typed(before, old); err != nil {
		return "old", err
	}
	_, err := hook.ValidateUpdate(context.Background(), old, made)
	return "webhook", err
}

// askNewer asks the webhook of the newer version too: the API server converts objects for it (matchPolicy Equivalent).
func askNewer(now map[string]any) (string, error) {
	var made v1alpha1.LLMInferenceService
	var newer v1alpha2.LLMInferenceService
	if err := schema.Typed(now, &made); err != nil {
		return "webhook", err
	}
	if err := made.ConvertTo(&newer); err != nil {
		return "webhook", err
	}
	_, err := (&v1alpha2.LLMInferenceServiceValidator{}).ValidateCreate(context.Background(), &newer)
	return "webhook", err
}

// listing answers with the runtime as it was and one that has nothing to do with it: some rules run only beside others.
type listing struct {
	client.Client
	old map[string]any
}

func (l listing) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	items := []map[string]any{{"metadata": map[string]any{"name": "unrelated"}}}
	if l.old != nil {
		items = append(items, l.old)
	}
	text, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		return err
	}
	return json.Unmarshal(text, list)
}

func askRuntime(kind string, now, before map[string]any) (string, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return "setup", err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return "webhook", err
	}
	request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Object: runtime.RawExtension{Raw: text}}}
	decoder, others := admission.NewDecoder(scheme), listing{old: before}
	var answer admission.Response
	if kind == group+"v1alpha1/ServingRuntime" {
		answer = (&servingruntime.ServingRuntimeValidator{Client: others, Decoder: decoder}).Handle(context.Background(), request)
	} else {
		answer = (&servingruntime.ClusterServingRuntimeValidator{Client: others, Decoder: decoder}).Handle(context.Background(), request)
	}
	if answer.Allowed {
		return "", nil
	}
	return "webhook", errors.New(answer.Result.Message)
}
