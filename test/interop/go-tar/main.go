// Unpacks the tar on stdin into a directory with Go's archive/tar, as Go programs such as cocoon
// do. Holes arrive as zeros, and blocks of zeros become holes again.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const blockBytes = 4096

func main() {
	if err := unpack(os.Stdin, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func unpack(from io.Reader, directory string) error {
	archive := tar.NewReader(from)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(directory, filepath.Base(header.Name))
		if err := write(path, archive, header); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func write(path string, from io.Reader, header *tar.Header) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, header.FileInfo().Mode())
	if err != nil {
		return err
	}
	defer file.Close()
	block, zeros := make([]byte, blockBytes), make([]byte, blockBytes)
	var size int64
	for {
		count, err := io.ReadFull(from, block)
		if count > 0 && !bytes.Equal(block[:count], zeros[:count]) {
			if _, err := file.WriteAt(block[:count], size); err != nil {
				return err
			}
		}
		size += int64(count)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	// The umask may have removed bits of the mode above.
	return file.Chmod(header.FileInfo().Mode())
}
