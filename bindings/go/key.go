package mproc

import "github.com/libmproc/libmproc/bindings/go/internal/cmproc"

// Key is a secret that a [Manager] and its clients share: 32 bytes. Each side proves to the other that it has it, and
// what goes through tcp is encrypted with it. It is not shown when it is printed.
type Key [32]byte

// GenerateKey makes a random key.
func GenerateKey() (*Key, error) {
	k := new(Key)
	var e cmproc.Error
	if status := cmproc.KeyGenerate((*[32]byte)(k), &e); status < 0 {
		return nil, failure(status, &e)
	}
	return k, nil
}

// LoadKey reads a key from its file: 64 hexadecimal digits and a newline. A file that somebody else owns or can read is
// ErrAccess, one that holds no key ErrInvalid.
func LoadKey(path string) (*Key, error) {
	p, err := cstring(path, ErrInvalid)
	if err != nil {
		return nil, err
	}
	k := new(Key)
	var e cmproc.Error
	if status := cmproc.KeyLoad(p, (*[32]byte)(k), &e); status < 0 {
		return nil, failure(status, &e)
	}
	return k, nil
}

// Save writes the key to a new file that nobody else can read; if there is one already, that is ErrExist.
func (k *Key) Save(path string) error {
	p, err := cstring(path, ErrInvalid)
	if err != nil {
		return err
	}
	var e cmproc.Error
	return check(cmproc.KeySave((*[32]byte)(k), p, &e), &e)
}

// String does not tell the secret.
func (Key) String() string { return "mproc.Key" }

// GoString does not tell the secret.
func (Key) GoString() string { return "mproc.Key{...}" }
