// Writes the SDK of a Pulumi package, as its schema has it, for one language: what `pulumi package gen-sdk` does with
// the language's host, without the host.
//
//	sdk LANGUAGE SCHEMA FOLDER
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/blang/semver"
	gogen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

// others answers for the packages that a schema refers to: a name and a version are all that a reference needs.
type others struct{}

func (others) LoadPackage(name string, version *semver.Version) (*schema.Package, error) {
	spec := schema.PackageSpec{Name: name, Meta: &schema.MetadataSpec{ModuleFormat: "(.*)(?:/[^/]*)"}}
	if version != nil {
		spec.Version = version.String()
	}
	return schema.ImportSpec(spec, nil, others{}, schema.ValidationOptions{})
}

func (each others) LoadPackageV2(_ context.Context, of *schema.PackageDescriptor) (*schema.Package, error) {
	return each.LoadPackage(of.Name, of.Version)
}

func (each others) LoadPackageReference(name string, version *semver.Version) (schema.PackageReference, error) {
	made, err := each.LoadPackage(name, version)
	if err != nil {
		return nil, err
	}
	return made.Reference(), nil
}

func (each others) LoadPackageReferenceV2(_ context.Context, of *schema.PackageDescriptor) (schema.PackageReference, error) {
	return each.LoadPackageReference(of.Name, of.Version)
}

func generated(language string, bytes []byte) (map[string][]byte, error) {
	var spec schema.PackageSpec
	if err := json.Unmarshal(bytes, &spec); err != nil {
		return nil, err
	}
	made, told, err := schema.BindSpec(spec, others{}, schema.ValidationOptions{})
	if err != nil {
		return nil, err
	}
	if told.HasErrors() {
		return nil, told
	}
	switch language {
	case "nodejs":
		if err := made.ImportLanguages(map[string]schema.Language{"nodejs": nodejs.Importer}); err != nil {
			return nil, err
		}
		return nodejs.GeneratePackage("pulumi", made, nil, nil, true, others{})
	case "go":
		if err := made.ImportLanguages(map[string]schema.Language{"go": gogen.Importer}); err != nil {
			return nil, err
		}
		return gogen.GeneratePackage("pulumi", made, nil)
	}
	return nil, fmt.Errorf("%s is no language of nodejs, go", language)
}

func written(language, from, folder string) error {
	bytes, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	files, err := generated(language, bytes)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: sdk LANGUAGE SCHEMA FOLDER")
		os.Exit(2)
	}
	if err := written(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
