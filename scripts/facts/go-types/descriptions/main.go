// Prints what fields that hold a struct are for, as Kubernetes' own API reference words it (Apache-2.0). The models of
// @kubernetes/client-node, where all other texts come from, say nothing about such fields.
//
//	go run ./descriptions > ../go-descriptions.json
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	apiext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/client-go/kubernetes/scheme"
	agg "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggopenapi "k8s.io/kube-aggregator/pkg/generated/openapi"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

type documented interface{ SwaggerDoc() map[string]string }

// By type as OpenAPI names it, then by field.
var texts = map[string]map[string]string{}

// k8s.io/api/core/v1 -> io.k8s.api.core.v1
func openAPIName(t reflect.Type) string {
	host, path, _ := strings.Cut(t.PkgPath(), "/")
	return "io." + strings.TrimSuffix(host, ".io") + "." + strings.ReplaceAll(path, "/", ".") + "." + t.Name()
}

func structOf(t reflect.Type) (reflect.Type, bool) {
	for t.Kind() == reflect.Ptr {
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct && strings.Contains(t.PkgPath(), "k8s.io/")
}

var definitions = map[string]common.OpenAPIDefinition{}

func walk(t reflect.Type) {
	for t.Kind() == reflect.Ptr || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	t, ok := structOf(t)
	if !ok || texts[openAPIName(t)] != nil {
		return
	}
	fields := map[string]string{}
	texts[openAPIName(t)] = fields
	says := map[string]string{}
	if one, ok := reflect.New(t).Interface().(documented); ok {
		says = one.SwaggerDoc()
	} else if one, ok := definitions[t.PkgPath()+"."+t.Name()]; ok {
		for name, property := range one.Schema.Properties {
			says[name] = property.Description
		}
	}
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		name := strings.Split(f.Tag.Get("json"), ",")[0]
		if f.IsExported() && name != "-" {
			if _, held := structOf(f.Type); held && name != "" && says[name] != "" {
				fields[name] = says[name]
			}
			walk(f.Type)
		}
	}
}

func main() {
	reference := func(path string) spec.Ref { return spec.MustCreateRef(path) }
	for _, all := range []map[string]common.OpenAPIDefinition{apiextopenapi.GetOpenAPIDefinitions(reference), aggopenapi.GetOpenAPIDefinitions(reference)} {
		for name, one := range all {
			definitions[name] = one
		}
	}
	s := scheme.Scheme
	for _, err := range []error{apiext.AddToScheme(s), agg.AddToScheme(s)} {
		if err != nil {
			panic(err)
		}
	}
	for _, t := range s.AllKnownTypes() {
		walk(t)
	}
	for name, fields := range texts {
		if len(fields) == 0 {
			delete(texts, name)
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(texts); err != nil {
		panic(err)
	}
}
