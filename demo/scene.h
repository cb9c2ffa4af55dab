/* What director and workers have agreed on: the names of the shared objects and a few numbers. */
#ifndef DEMO_SCENE_H
#define DEMO_SCENE_H

#define COUNTER "counter"   /* int64 value: everybody adds 1 to it, atomically */
#define BOARD "board"       /* int64 array: a round adds 1 to every cell, under the array's lock */
#define MAIL "mail"         /* queue of letters */
#define LEDGER "ledger"     /* int32 array [sender][number]: how often that letter was received */
#define RETURNED "returned" /* int64 value: for so many letters of the doomed sender `put` has returned */
#define CUE "cue"           /* int32 value: how far the story has come */
#define LEFT "left"         /* two int64 values that are always equal, but while somebody has the lock "books": */
#define RIGHT "right"       /* the shell adds 1 to both */
/* Pipes have names of their own: the director has end 0, asks int64 numbers, and gets their squares. */

/* In the manager's domain, which no file leads to: */
#define TILL "till"       /* lock: who sells has it */
#define BOOK "book"       /* list: the name of the seller, for each sale */
#define SUMS "sums"       /* dict: ... */
#define SALES "sales"     /* ... how many sales there were, as many as lines in the book; changed under the lock */
#define VISITS "visits"   /* ... everybody adds 1 to it, atomically, without the lock */
#define GRAB "grab"       /* events: the doomed seller takes the lock for the last time, */
#define GO_ON "go-on"     /* the others make the second half of their sales, */
#define CLOSING "closing" /* the shop closes */

enum { CELLS = 12, HALF_DONE = 5 };

/* Values of the cue. */
enum { CUE_GRAB = 1, CUE_GO_ON = 2, CUE_MAIL = 3 };

/* A letter: who sent it, and its number with that sender, from 0 on. Eight bytes in the machine's order. */
typedef struct {
    int sender;
    int number;
} letter_t;

#endif
