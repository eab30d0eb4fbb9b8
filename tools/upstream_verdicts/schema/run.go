package schema

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Case is one line of the input: an object to create, or what it was and is to become.
type Case struct {
	ID       string          `json:"id"`
	Manifest json.RawMessage `json:"manifest"`
	Old      json.RawMessage `json:"oldManifest,omitempty"`
	Gates    map[string]bool `json:"featureGates,omitempty"`
}

// Verdict is one line of the output.
type Verdict struct {
	ID      string   `json:"id"`
	Expect  string   `json:"expect"`
	Stage   string   `json:"stage,omitempty"`
	Message string   `json:"message,omitempty"`
	Unknown []string `json:"unknown,omitempty"`
}

// Project is what a project adds to its definitions.
type Project struct {
	// Mutate is the mutating webhook; it changes the object in place.
	Mutate func(kind string, object map[string]any) (map[string]any, error)
	// Admit is the validating webhook and what the operator refuses; it names the stage.
	Admit func(kind string, now, before map[string]any, gates map[string]bool) (string, error)
}

// Run judges standard input by the definitions of the folder that the first argument names.
func Run(project Project) {
	kinds, err := Load(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 1<<28)
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	encoder := json.NewEncoder(output)
	for input.Scan() {
		var each Case
		if err := json.Unmarshal(input.Bytes(), &each); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		_ = encoder.Encode(project.judge(kinds, each))
	}
}

func (p Project) judge(kinds map[string]*Kind, each Case) (verdict Verdict) {
	verdict = Verdict{ID: each.ID, Expect: "accept"}
	refuse := func(stage string, reason any) {
		verdict.Expect, verdict.Stage, verdict.Message = "reject", stage, strings.ToValidUTF8(fmt.Sprint(reason), "?")
	}
	stage := "schema"
	defer func() {
		if crash := recover(); crash != nil {
			refuse(stage+"-crash", crash)
		}
	}()
	var now, before map[string]any
	if err := utiljson.Unmarshal(each.Manifest, &now); err != nil {
		refuse("read", err)
		return
	}
	name := fmt.Sprint(now["apiVersion"], "/", now["kind"])
	kind := kinds[name]
	if kind == nil {
		refuse("kind", "no definition of "+name)
		return
	}
	if len(each.Old) > 0 && string(each.Old) != "null" {
		if err := utiljson.Unmarshal(each.Old, &before); err != nil {
			refuse("read", err)
			return
		}
		if _, err := p.ready(kind, name, &before); err != nil {
			refuse("old", err)
			return
		}
		if found := kind.Validate(before, nil); len(found) > 0 {
			refuse("old", found.ToAggregate())
			return
		}
	}
	unknown, err := p.ready(kind, name, &now)
	verdict.Unknown = unknown
	if err != nil {
		refuse("webhook", err)
		return
	}
	if found := kind.Validate(now, before); len(found) > 0 {
		refuse("schema", found.ToAggregate())
		return
	}
	stage = "webhook"
	if at, err := p.Admit(name, now, before, each.Gates); err != nil {
		refuse(at, err)
	}
	return
}

// ready is an object after defaults and the mutating webhook.
func (p Project) ready(kind *Kind, name string, object *map[string]any) ([]string, error) {
	unknown, err := kind.Decode(*object)
	if err != nil {
		return unknown, err
	}
	made, err := p.Mutate(name, *object)
	if err != nil {
		return unknown, err
	}
	*object = made
	_, err = kind.Decode(*object)
	return unknown, err
}

// Typed reads an object into a project's own type as its webhook does.
func Typed(object map[string]any, into any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return utiljson.Unmarshal(text, into)
}

// Mutated is what an API server has after a webhook has changed a typed object: what the type does not know stays.
func Mutated(raw map[string]any, before, after any) (map[string]any, error) {
	was, err := plain(before)
	if err != nil {
		return nil, err
	}
	is, err := plain(after)
	if err != nil {
		return nil, err
	}
	return merged(raw, was, is).(map[string]any), nil
}

func plain(typed any) (any, error) {
	text, err := json.Marshal(typed)
	if err != nil {
		return nil, err
	}
	var made any
	return made, utiljson.Unmarshal(text, &made)
}

func merged(raw, was, is any) any {
	rawMap, isMap := raw.(map[string]any)
	isNow, stillMap := is.(map[string]any)
	if isMap && stillMap {
		wasMap, _ := was.(map[string]any)
		made := map[string]any{}
		for name, value := range isNow {
			made[name] = merged(rawMap[name], wasMap[name], value)
		}
		for name, value := range rawMap {
			_, wasThere := wasMap[name]
			_, isThere := isNow[name]
			if !isThere && !wasThere {
				made[name] = value
			}
		}
		return made
	}
	rawList, isList := raw.([]any)
	list, stillList := is.([]any)
	if isList && stillList && len(rawList) == len(list) {
		wasList, _ := was.([]any)
		for index := range list {
			var old any
			if index < len(wasList) {
				old = wasList[index]
			}
			list[index] = merged(rawList[index], old, list[index])
		}
		return list
	}
	return is
}
