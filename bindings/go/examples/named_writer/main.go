// Writes a number where any program can find it by name: named_reader, or one in C or C++.
package main

import (
	"fmt"
	"log"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

func main() {
	// Persist: it stays when this program ends, until it is unlinked.
	answer, err := mproc.CreateValue[int64](nil, "answer", 42, &mproc.ValueOptions{Persist: true, ExistOK: true})
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Close()
	answer.Store(42) // if it was there already
	fmt.Println("wrote 42")
}
