// The demo's worker in Go: counts, receives letters, answers questions, sells in the shop of a manager, and plays the
// ones who die in the middle of a put and in the middle of a sale. The director starts it; see ../director.c.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// Names and numbers are those of ../scene.h.
const (
	counterName  = "counter"
	boardName    = "board"
	mailName     = "mail"
	ledgerName   = "ledger"
	returnedName = "returned"
	cueName      = "cue"

	cueGoOn = 2
	cueMail = 3

	letterBytes = 8
)

var forever = context.Background()

func main() {
	role := ""
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	var err error
	switch role {
	case "count":
		err = count(number(2), number(3))
	case "batch":
		err = sendBatch(number(2), number(3), number(4))
	case "receive":
		err = receiveLetters(number(2), number(3), number(4))
	case "answer":
		err = answerQuestions(os.Args[len(os.Args)-1])
	case "sell", "sell-half":
		if len(os.Args) < 7 {
			err = errors.New(role + " wants an address, a key, a name and two numbers")
			break
		}
		err = sell(os.Args[2], os.Args[3], os.Args[4], number(5), number(6), role == "sell-half")
	default:
		fmt.Fprintln(os.Stderr, os.Args[0], "is started by the director")
		os.Exit(2)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func number(i int) int {
	if i >= len(os.Args) {
		return 0
	}
	n, _ := strconv.Atoi(os.Args[i])
	return n
}

func awaitCue(cue *mproc.Value[int32], wanted int32) error {
	for {
		now, err := cue.Load()
		if err != nil || now >= wanted {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// playRound adds 1 to every cell. Whoever dies in the middle leaves them unequal.
func playRound(board *mproc.Array[int64], cells []int64) error {
	return board.With(forever, func(recovered bool) error {
		last := len(cells) - 1
		if recovered {
			changed := 0
			for changed < last && cells[changed] != cells[last] {
				cells[changed] = cells[last] // cells are changed in order: the last one is still the old
				changed++
			}
			fmt.Printf("I have the lock, with the news that its holder died inside. "+
				"It had changed %d of %d cells: I take that back.\n", changed, len(cells))
			fmt.Println("@repaired", changed)
		}
		for i, cell := range cells {
			if cell != cells[0] {
				return fmt.Errorf("the board is torn: cell %d is not cell 0", i)
			}
		}
		for i := range cells {
			cells[i]++
		}
		return nil
	})
}

func count(additions, rounds int) error {
	counter, err := mproc.OpenValue[int64](nil, counterName, nil)
	if err != nil {
		return err
	}
	defer counter.Close()
	cue, err := mproc.OpenValue[int32](nil, cueName, nil)
	if err != nil {
		return err
	}
	defer cue.Close()
	board, err := mproc.OpenArray[int64](nil, boardName, nil)
	if err != nil {
		return err
	}
	defer board.Close()
	cells, err := board.Slice()
	if err != nil {
		return err
	}
	for i := 0; i < additions; i++ {
		if _, err := counter.Add(1); err != nil {
			return err
		}
	}
	for i := 0; i < rounds; i++ {
		if i == rounds/2 {
			fmt.Printf("%d additions and %d rounds on the board are done.\n", additions, i)
			fmt.Println("@half")
			if err := awaitCue(cue, cueGoOn); err != nil {
				return err
			}
		}
		if err := playRound(board, cells); err != nil {
			return err
		}
	}
	fmt.Printf("All %d rounds are done.\n", rounds)
	return nil
}

func letter(sender, n int) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(sender))
	return binary.NativeEndian.AppendUint32(b, uint32(n))
}

// sendBatch posts some letters one by one and writes down for how many of them Put has returned. Then it posts
// a batch so large that it is killed in the middle of it.
func sendBatch(sender, singles, batch int) error {
	mail, err := mproc.OpenQueue(nil, mailName, nil)
	if err != nil {
		return err
	}
	defer mail.Close()
	returned, err := mproc.OpenValue[int64](nil, returnedName, nil)
	if err != nil {
		return err
	}
	defer returned.Close()
	for i := 0; i < singles; i++ {
		if err := mail.Put(forever, letter(sender, i)); err != nil {
			return err
		}
		if err := returned.Store(int64(i) + 1); err != nil {
			return err
		}
	}
	letters := make([][]byte, batch)
	for i := range letters {
		letters[i] = letter(sender, singles+i)
	}
	fmt.Printf("%d letters are posted one by one. Now %d more with a single call ...\n", singles, batch)
	fmt.Println("@batch")
	put, err := mail.PutMany(forever, letters)
	if err != nil {
		return err
	}
	fmt.Printf("all %d are posted: nobody has killed me\n", put)
	return returned.Store(int64(singles + put))
}

// receiveLetters receives until the post office closes. At letter pauseAt of sender doomed it waits for the cue:
// so that sender cannot come to the end of its batch before the director has killed it.
func receiveLetters(width, doomed, pauseAt int) error {
	mail, err := mproc.OpenQueue(nil, mailName, nil)
	if err != nil {
		return err
	}
	defer mail.Close()
	ledger, err := mproc.OpenArray[int32](nil, ledgerName, nil)
	if err != nil {
		return err
	}
	defer ledger.Close()
	received, err := ledger.Slice()
	if err != nil {
		return err
	}
	cue, err := mproc.OpenValue[int32](nil, cueName, nil)
	if err != nil {
		return err
	}
	defer cue.Close()

	latest, taken := [3]int{-1, -1, -1}, 0
	var message [letterBytes]byte
	for {
		n, err := mail.GetInto(forever, message[:])
		if errors.Is(err, mproc.ErrClosed) {
			break
		}
		if err != nil {
			return err
		}
		sender := int(int32(binary.NativeEndian.Uint32(message[:4])))
		number := int(int32(binary.NativeEndian.Uint32(message[4:])))
		if n != letterBytes || sender < 0 || sender > 2 || number <= latest[sender] || number >= width {
			return fmt.Errorf("letter %d of sender %d is out of order", number, sender)
		}
		latest[sender] = number
		atomic.AddInt32(&received[sender*width+number], 1)
		taken++
		if sender == doomed && number >= pauseAt {
			if err := awaitCue(cue, cueMail); err != nil {
				return err
			}
		}
	}
	fmt.Printf("The post office is closed; I took %d letters.\n", taken)
	fmt.Println("@taken", taken)
	return nil
}

// answerQuestions answers each number with its square, until nobody asks any more.
func answerQuestions(name string) error {
	questioner, err := mproc.OpenPipe(nil, name, 1, nil)
	if err != nil {
		return err
	}
	defer questioner.Close()
	answers := 0
	var message [8]byte
	for {
		n, err := questioner.RecvInto(forever, message[:])
		if errors.Is(err, mproc.ErrEOF) {
			break
		}
		if err != nil {
			return err
		}
		if n != len(message) {
			return fmt.Errorf("%d bytes are not a number", n)
		}
		number := binary.NativeEndian.Uint64(message[:])
		binary.NativeEndian.PutUint64(message[:], number*number)
		if err := questioner.Send(forever, message[:]); err != nil {
			return err
		}
		answers++
	}
	fmt.Printf("The pipe has come to its end; I gave %d answers.\n", answers)
	fmt.Println("@answered", answers)
	return nil
}
