// Reads the number that named_writer left, and takes its name away.
package main

import (
	"fmt"
	"log"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

func main() {
	answer, err := mproc.OpenValue[int64](nil, "answer", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Close()
	number, err := answer.Load()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("read", number)
	if err := mproc.Default().Unlink("answer"); err != nil {
		log.Fatal(err)
	}
}
