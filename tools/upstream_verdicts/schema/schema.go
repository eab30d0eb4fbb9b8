// Package schema judges custom resources as an API server does before and around webhooks: it drops unknown fields, writes
// defaults, and holds an object against its definition, CEL rules included.
package schema

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"sigs.k8s.io/yaml"
)

// Kind is one version of one definition.
type Kind struct {
	structural *structural.Structural
	validator  crdvalidation.SchemaValidator
	cel        *cel.Validator
	scale      *v1.CustomResourceSubresourceScale
	hasStatus  bool
	namespaced bool
}

// Load reads all definitions of a folder (.yaml and .yaml.gz); keys are "apiVersion/kind".
func Load(folder string) (map[string]*Kind, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml*"))
	if err != nil {
		return nil, err
	}
	kinds := map[string]*Kind{}
	for _, file := range files {
		if err := loadFile(file, kinds); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return kinds, nil
}

func loadFile(file string, kinds map[string]*Kind) error {
	text, err := read(file)
	if err != nil {
		return err
	}
	var definition v1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		if version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
			continue
		}
		kind, err := newKind(version, definition.Spec.Scope == v1.NamespaceScoped)
		if err != nil {
			return err
		}
		kinds[definition.Spec.Group+"/"+version.Name+"/"+definition.Spec.Names.Kind] = kind
	}
	return nil
}

func read(file string) ([]byte, error) {
	stream, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	if !strings.HasSuffix(file, ".gz") {
		return io.ReadAll(stream)
	}
	unpacked, err := gzip.NewReader(stream)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unpacked)
}

func newKind(version v1.CustomResourceDefinitionVersion, namespaced bool) (*Kind, error) {
	internal := &apiextensions.JSONSchemaProps{}
	if err := v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, internal, nil); err != nil {
		return nil, err
	}
	made, err := structural.NewStructural(internal)
	if err != nil {
		return nil, err
	}
	validator, _, err := crdvalidation.NewSchemaValidator(internal)
	if err != nil {
		return nil, err
	}
	kind := &Kind{structural: made, validator: validator, namespaced: namespaced}
	kind.cel = cel.NewValidator(made, true, celconfig.PerCallLimit)
	if version.Subresources != nil {
		kind.scale = version.Subresources.Scale
		kind.hasStatus = version.Subresources.Status != nil
	}
	return kind, nil
}

// Decode drops unknown fields, whose paths it returns, and writes defaults.
func (k *Kind) Decode(object map[string]any) ([]string, error) {
	options := structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	if err, _ := objectmeta.CoerceWithOptions(nil, object, k.structural, true, objectmeta.CoerceOptions{}); err != nil {
		return nil, err
	}
	unknown := pruning.PruneWithOptions(object, k.structural, true, options)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.structural)
	defaulting.Default(object, k.structural)
	return unknown, nil
}

// Validate holds an object, or a change of one, against the definition.
func (k *Kind) Validate(now, before map[string]any) field.ErrorList {
	object, old := &unstructured.Unstructured{Object: now}, &unstructured.Unstructured{Object: before}
	meta := field.NewPath("metadata")
	var found field.ErrorList
	var options []crdvalidation.ValidationOption
	var celOptions []cel.Option
	if before == nil {
		found = apivalidation.ValidateObjectMetaAccessor(object, k.namespaced, apivalidation.NameIsDNSSubdomain, meta)
		found = append(found, crdvalidation.ValidateCustomResource(nil, now, k.validator)...)
		found = append(found, listtype.ValidateListSetsAndMaps(nil, k.structural, now)...)
	} else {
		related := common.NewCorrelatedObject(now, before, &model.Structural{Structural: k.structural})
		options = append(options, crdvalidation.WithRatcheting(related))
		celOptions = append(celOptions, cel.WithRatcheting(related))
		if k.hasStatus {
			if status, is := before["status"]; is {
				now["status"] = status
			} else {
				delete(now, "status")
			}
		}
		object.SetResourceVersion("1")
		old.SetResourceVersion("1")
		found = apivalidation.ValidateObjectMetaAccessorUpdate(object, old, meta)
		found = append(found, crdvalidation.ValidateCustomResourceUpdate(nil, now, before, k.validator, options...)...)
		if len(listtype.ValidateListSetsAndMaps(nil, k.structural, before)) == 0 {
			found = append(found, listtype.ValidateListSetsAndMaps(nil, k.structural, now)...)
		}
	}
	found = append(found, objectmeta.Validate(nil, now, k.structural, false)...)
	found = append(found, k.validateScale(now)...)
	if k.cel != nil && len(found) == 0 {
		var was any
		if before != nil {
			was = before
		}
		broken, _ := k.cel.Validate(context.Background(), nil, k.structural, now, was, celconfig.RuntimeCELCostBudget, celOptions...)
		found = append(found, broken...)
	}
	return found
}

func (k *Kind) validateScale(object map[string]any) field.ErrorList {
	if k.scale == nil {
		return nil
	}
	path := strings.Split(strings.TrimPrefix(k.scale.SpecReplicasPath, "."), ".")
	replicas, _, err := unstructured.NestedInt64(object, path...)
	where := field.NewPath(k.scale.SpecReplicasPath)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(where, replicas, err.Error())}
	case replicas < 0 || replicas > math.MaxInt32:
		return field.ErrorList{field.Invalid(where, replicas, "out of range")}
	}
	return nil
}
