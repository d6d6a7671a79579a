// Prints what Go knows of every Kubernetes API type and the OpenAPI document does not say: the order of fields, which of them are
// pointers, which are left out of JSON when empty, the names of their types (error messages show them) and their protobuf numbers.
//
//	go run . > ../go-types.json
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	apidiscovery "k8s.io/api/apidiscovery/v2"
	apidiscoverybeta "k8s.io/api/apidiscovery/v2beta1"
	imagepolicy "k8s.io/api/imagepolicy/v1alpha1"
	apiext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextbeta "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	agg "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggbeta "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1beta1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

type field struct {
	Name string `json:"name"`
	// string, bool, int32 ...; @<package>.<name> for a struct; [T, {T for lists and maps (by string); ~T for a pointer inside one;
	// <go name>T for a scalar, list or map type that has a name; %T where protobuf has a message around the list.
	Type     string `json:"type"`
	Pointer  bool   `json:"pointer,omitempty"`
	Omit     bool   `json:"omit,omitempty"`
	OmitZero bool   `json:"omitZero,omitempty"`
	Number   int    `json:"number,omitempty"`
	Inline   bool   `json:"inline,omitempty"`
	Strategy string `json:"patchStrategy,omitempty"`
	MergeKey string `json:"patchMergeKey,omitempty"`
}

var structs = map[string][]field{}

func describe(t reflect.Type) string {
	s := ""
	switch t.Kind() {
	case reflect.Ptr:
		return "~" + describe(t.Elem())
	case reflect.Struct:
		walk(t)
		return "@" + t.PkgPath() + "." + t.Name()
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			s = "bytes"
		} else {
			s = "[" + describe(t.Elem())
			if _, ok := reflect.PointerTo(t).MethodByName("MarshalTo"); ok {
				s = "%" + s
			}
		}
	case reflect.Map:
		s = "{" + describe(t.Elem())
	default:
		s = t.Kind().String()
	}
	if t.Name() != "" && t.PkgPath() != "" {
		s = "<" + t.String() + ">" + s
	}
	return s
}

func walk(t reflect.Type) {
	key := t.PkgPath() + "." + t.Name()
	if _, ok := structs[key]; ok || !strings.Contains(t.PkgPath(), "k8s.io/") {
		return
	}
	structs[key] = nil
	fields := []field{}
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("json")
		parts := strings.Split(tag, ",")
		if parts[0] == "-" || !ok || !f.IsExported() {
			continue
		}
		x := field{Name: parts[0], Strategy: f.Tag.Get("patchStrategy"), MergeKey: f.Tag.Get("patchMergeKey")}
		for _, p := range parts[1:] {
			x.Omit = x.Omit || p == "omitempty"
			x.OmitZero = x.OmitZero || p == "omitzero"
		}
		ft := f.Type
		if ft.Kind() == reflect.Ptr {
			x.Pointer = true
			ft = ft.Elem()
		}
		x.Type = describe(ft)
		x.Inline = x.Name == ""
		if p := strings.Split(f.Tag.Get("protobuf"), ","); len(p) > 1 {
			fmt.Sscan(p[1], &x.Number)
		}
		fields = append(fields, x)
	}
	structs[key] = fields
}

func main() {
	s := scheme.Scheme
	for _, add := range []func(*runtime.Scheme) error{apiext.AddToScheme, apiextbeta.AddToScheme, agg.AddToScheme, aggbeta.AddToScheme,
		admissionv1.AddToScheme, admissionv1beta1.AddToScheme, imagepolicy.AddToScheme, apidiscovery.AddToScheme, apidiscoverybeta.AddToScheme, metrics.AddToScheme} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	kinds := map[string][]string{}
	for gvk, t := range s.AllKnownTypes() {
		if gvk.Version == "__internal" {
			continue
		}
		walk(t)
		name := t.PkgPath() + "." + t.Name()
		if !strings.HasPrefix(t.PkgPath(), "k8s.io/apimachinery/pkg/apis/meta/v1") {
			kinds[name] = append(kinds[name], gvk.GroupVersion().String()+" "+gvk.Kind)
		}
	}
	for _, o := range []any{metav1.Table{}, metav1.PartialObjectMetadata{}, metav1.PartialObjectMetadataList{}, metav1.APIGroupList{}, metav1.APIVersions{},
		metav1.APIResourceList{}, metav1.APIGroup{}, metav1.Status{}, metav1.WatchEvent{}, metav1.DeleteOptions{}} {
		walk(reflect.TypeOf(o))
	}
	names := []string{}
	for k := range structs {
		names = append(names, k)
	}
	sort.Strings(names)
	w := bufio.NewWriter(os.Stdout)
	encode := func(v any) string {
		b := strings.Builder{}
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			panic(err)
		}
		return strings.TrimSpace(b.String())
	}
	defer w.Flush()
	fmt.Fprint(w, "{\n\"source\": \"k8s.io/api v0.36.3 and neighbours, by reflection\",\n\"structs\": {\n")
	for i, k := range names {
		line := encode(structs[k])
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(w, "%q: %s%s\n", k, line, comma)
	}
	fmt.Fprint(w, "},\n\"kinds\": {\n")
	names = names[:0]
	for k := range kinds {
		sort.Strings(kinds[k])
		names = append(names, k)
	}
	sort.Strings(names)
	for i, k := range names {
		line := encode(kinds[k])
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(w, "%q: %s%s\n", k, line, comma)
	}
	fmt.Fprint(w, "}\n}\n")
}
