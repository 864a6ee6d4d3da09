// Calls the package snapshot/localfile of the Go program cocoon, so that archives and stores are
// tested with cocoon itself. Each call is one run of this program; answers are JSON on stdout.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cocoonstack/cocoon/config"
	"github.com/cocoonstack/cocoon/snapshot/localfile"
	"github.com/cocoonstack/cocoon/types"
	"github.com/cocoonstack/cocoon/utils"
)

const usage = `usage: peer ROOT CALL
  create CONFIG FROM         stores a directory, or the files of a tar; CONFIG is JSON with cocoon's keys; prints the id
  break-off CONFIG FROM      the same, killed before its end: leaves a pending record
  export REF FILE            writes an archive
  export-compressed REF FILE writes it with gzip
  import FILE                prints the id
  restore REF FILE           writes the tar of the data files
  inspect REF                prints the record
  list                       prints all records
`

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s", usage)
	}
	store, err := localfile.New(&config.Config{RootDir: args[0]}, nil)
	if err != nil {
		return err
	}
	call, args := args[1], append(args[2:], "", "")
	switch call {
	case "create", "break-off":
		data, err := openData(args[1])
		if err != nil {
			return err
		}
		if call == "break-off" {
			data = &fatal{data, 1024}
		}
		return create(ctx, store, args[0], data)
	case "export":
		archive, err := store.Export(ctx, args[0])
		return save(archive, err, args[1])
	case "export-compressed":
		archive, err := store.ExportCompressed(ctx, args[0])
		return save(archive, err, args[1])
	case "restore":
		_, data, err := store.Restore(ctx, args[0])
		return save(data, err, args[1])
	case "import":
		return load(ctx, store, args[0])
	case "inspect":
		record, err := store.Inspect(ctx, args[0])
		return print(record, err)
	case "list":
		records, err := store.List(ctx)
		return print(records, err)
	}
	return fmt.Errorf("%s", usage)
}

// openData returns the tar itself, or the tar that cocoon makes of a directory.
func openData(path string) (io.Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return utils.TarDirStream(path, nil), nil
	}
	return os.Open(path)
}

func create(ctx context.Context, store *localfile.LocalFile, configJSON string, data io.Reader) error {
	var config types.SnapshotConfig
	if err := json.Unmarshal([]byte(configJSON), &config); err != nil {
		return err
	}
	if config.ID == "" {
		config.ID = utils.GenerateID()
	}
	id, err := store.Create(ctx, &config, data)
	return print(map[string]string{"id": id}, err)
}

// load also prints the milliseconds that the import took, without the start of this program.
func load(ctx context.Context, store *localfile.LocalFile, path string) error {
	archive, err := os.Open(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	started := time.Now()
	id, err := store.Import(ctx, archive, "", "")
	return print(map[string]any{"id": id, "ms": float64(time.Since(started).Microseconds()) / 1000}, err)
}

func save(from io.ReadCloser, err error, path string) error {
	if err != nil {
		return err
	}
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	if err := from.Close(); err != nil {
		return err
	}
	return to.Close()
}

func print(answer any, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// fatal is a stream that kills this process at its end, as a crash of the machine would.
type fatal struct {
	from io.Reader
	left int
}

func (f *fatal) Read(into []byte) (int, error) {
	if f.left == 0 {
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return 0, err
		}
		if err := self.Kill(); err != nil {
			return 0, err
		}
		select {}
	}
	n, err := f.from.Read(into[:min(len(into), f.left)])
	f.left -= n
	return n, err
}
