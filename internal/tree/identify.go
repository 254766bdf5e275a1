package tree

import "io/fs"

// Identify gives the id of a file's content without reading it, and counts as reading it: whoever knows what came of that
// content needs no more. It is empty where the id is not known beforehand.
func (f *FS) Identify(name string) (string, error) {
	in, full, err := f.at("open", name)
	if err != nil {
		return "", err
	}
	found, err := in.core.lookup(full, follow)
	if err != nil {
		return "", pathError("open", name, err)
	}
	in.core.mu.Lock()
	defer in.core.mu.Unlock()
	if found.isDir() {
		in.core.rec.add(found.path, kindOf(found), "")
		return "", &fs.PathError{Op: "read", Path: name, Err: errIsDirectory}
	}
	in.core.rec.add(found.path, Read, found.id)
	return found.id, nil
}
