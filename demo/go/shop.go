package main

import (
	"errors"
	"fmt"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// What the manager has, by the names of ../scene.h.
const (
	tillName  = "till"
	bookName  = "book"
	sumsName  = "sums"
	salesKey  = "sales"
	visitsKey = "visits"
	grabName  = "grab"
	goOnName  = "go-on"
)

// shop is what a seller has of the manager's.
type shop struct {
	manager     *mproc.Manager
	till        *mproc.Lock
	book        *mproc.List[string]
	sums        *mproc.Dict[string, int]
	grab, goOn  *mproc.Event
	sellersName string
}

func enterShop(address, keyPath, name string) (*shop, error) {
	key, err := mproc.LoadKey(keyPath)
	if err != nil {
		return nil, err
	}
	manager, err := mproc.ConnectManager(address, &mproc.ConnectOptions{Key: key})
	if err != nil {
		return nil, err
	}
	s := &shop{manager: manager, sellersName: name}
	domain := manager.Domain()
	var failed [5]error
	s.till, failed[0] = mproc.OpenLock(domain, tillName, nil)
	s.book, failed[1] = mproc.OpenList[string](domain, bookName, nil)
	s.sums, failed[2] = mproc.OpenDict[string, int](domain, sumsName, nil)
	s.grab, failed[3] = mproc.OpenEvent(domain, grabName, nil)
	s.goOn, failed[4] = mproc.OpenEvent(domain, goOnName, nil)
	if err := errors.Join(failed[:]...); err != nil {
		s.leave()
		return nil, err
	}
	return s, nil
}

func (s *shop) leave() {
	s.goOn.Close()
	s.grab.Close()
	s.sums.Close()
	s.book.Close()
	s.till.Close()
	s.manager.Close()
}

// sellOne is a line in the book, and the sum. Whoever dies in the middle leaves the book longer than the sum says.
func (s *shop) sellOne() error {
	return s.till.With(forever, func(recovered bool) error {
		sales, err := s.sums.Get(salesKey)
		if err != nil {
			return err
		}
		if recovered {
			if err := s.strikeOut(sales); err != nil {
				return err
			}
		}
		switch lines, err := s.book.Len(); {
		case err != nil:
			return err
		case lines != sales:
			return fmt.Errorf("there are %d lines in the book, and the sum is %d", lines, sales)
		}
		if err := s.book.Append(s.sellersName); err != nil {
			return err
		}
		return s.sums.Set(salesKey, sales+1)
	})
}

func (s *shop) strikeOut(sales int) error {
	lines, err := s.book.Len()
	if err != nil {
		return err
	}
	tooMany := lines - sales
	for range tooMany {
		if _, err := s.book.Pop(-1); err != nil {
			return err
		}
	}
	fmt.Printf("I have the till, with the news that its holder died inside. "+
		"Lines too many in the book: %d. I strike them out.\n", tooMany)
	fmt.Println("@repaired", tooMany)
	return nil
}

// sell visits and sells; or (doomed) makes half the sales, and half of one more, and never lets go of the till.
func sell(address, keyPath, name string, visits, sales int, doomed bool) error {
	s, err := enterShop(address, keyPath, name)
	if err != nil {
		return err
	}
	defer s.leave()
	for range visits {
		if _, err := s.sums.Add(visitsKey, 1); err != nil {
			return err
		}
	}
	for i := range sales {
		if i == sales/2 {
			remote, err := s.sums.IsRemote()
			if err != nil {
				return err
			}
			how := "in the memory itself"
			if remote {
				how = "each step a request"
			}
			fmt.Printf("%d visits and %d sales are done, %s.\n", visits, i, how)
			fmt.Println("@half")
			if doomed {
				return s.faint()
			}
			if err := s.goOn.Wait(forever); err != nil {
				return err
			}
		}
		if err := s.sellOne(); err != nil {
			return err
		}
	}
	fmt.Printf("All %d sales are done.\n", sales)
	return nil
}

func (s *shop) faint() error {
	if err := s.grab.Wait(forever); err != nil {
		return err
	}
	if _, err := s.till.Lock(forever); err != nil {
		return err
	}
	if err := s.book.Append(s.sellersName); err != nil {
		return err
	}
	fmt.Println("I have the till, and have written my line in the book. The sum ...")
	fmt.Println("@holding")
	time.Sleep(time.Hour)
	return errors.New("nobody has killed me")
}
