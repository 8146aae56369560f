package bundle

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// Files bundles the front end below dir (the folder ui/web) and gives each
// output by its name in dist.
func Files(dir string) (map[string][]byte, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find sources: %w", err)
	}
	vendor := func(path string) string { return filepath.Join(root, "vendor", filepath.FromSlash(path)) }
	res := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: "src/main.tsx", OutputPath: "app"},
			{InputPath: "src/style.css", OutputPath: "style"},
		},
		Outdir: "dist",
		Bundle: true,
		// What import() asks for is a file of its own, loaded when it is wanted. Its name
		// changes with its content: a page that was open while the recorder was updated
		// finds it gone, instead of running two versions at once.
		Splitting:         true,
		ChunkNames:        "[name]-[hash]",
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsNone, // licences are served beside, see notices.txt
		Charset:           api.CharsetUTF8,
		// Only what is vendored resolves: nothing is looked up in node_modules.
		Alias: map[string]string{
			"preact":               vendor("preact/dist/preact.mjs"),
			"preact/hooks":         vendor("preact/hooks/dist/hooks.mjs"),
			"preact/jsx-runtime":   vendor("preact/jsx-runtime/dist/jsxRuntime.mjs"),
			"@preact/signals":      vendor("@preact/signals/dist/signals.mjs"),
			"@preact/signals-core": vendor("@preact/signals-core/dist/signals-core.mjs"),
			"qrcode-generator":     vendor("qrcode-generator/dist/qrcode.mjs"),
		},
		TsconfigRaw: `{"compilerOptions":{"strict":true}}`,
	})
	if len(res.Errors) > 0 {
		all := make([]error, 0, len(res.Errors))
		for _, text := range api.FormatMessages(res.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage}) {
			all = append(all, errors.New(text))
		}
		return nil, fmt.Errorf("bundle front end: %w", errors.Join(all...))
	}
	files := map[string][]byte{}
	for _, f := range res.OutputFiles {
		files[filepath.Base(f.Path)] = f.Contents
	}
	return files, nil
}
