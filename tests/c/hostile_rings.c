/*
 * The rings of queue and pipe: records of every state and owner at the front, in the middle and at the end, words that
 * do not fit together, what is open in a handle when the ring changes under it; then the words that only one of
 * the two has.
 */
#include "hostile.h"

enum { REAP = 12 * MS }; /* after that long, a handle looks for the dead again */

static struct place *place;
static bool opened_before; /* the damage */

/* --- one ring, whatever it belongs to ------------------------------------------------------------------------- */

/* The operations on the subject's first ring: of a pipe, from end 1 to end 0. */
static bool is_queue(int kind)
{
    return subjects[kind].kind == MPROC_KIND_QUEUE;
}

static mproc_pipe_t *sender(void *handle)
{
    return ((struct both *)handle)->end[1];
}

static mproc_pipe_t *receiver(void *handle)
{
    return ((struct both *)handle)->end[0];
}

static int put(int kind, void *handle, size_t len, int64_t timeout)
{
    static const unsigned char bytes[QUEUE_BYTES];
    return is_queue(kind) ? mproc_queue_put(handle, bytes, len, timeout, NULL)
                          : mproc_pipe_send(sender(handle), bytes, len, timeout, NULL);
}

static int take(int kind, void *handle, size_t *len, int64_t timeout)
{
    static unsigned char bytes[2 * QUEUE_BYTES];
    return is_queue(kind) ? mproc_queue_get(handle, bytes, sizeof bytes, len, timeout, NULL)
                          : mproc_pipe_recv(receiver(handle), bytes, sizeof bytes, len, timeout, NULL);
}

static int peek(int kind, void *handle, mproc_view_t *view, int64_t timeout)
{
    return is_queue(kind) ? mproc_queue_peek(handle, view, timeout, NULL)
                          : mproc_pipe_peek(receiver(handle), view, timeout, NULL);
}

static int release(int kind, void *handle, uint64_t id)
{
    return is_queue(kind) ? mproc_queue_release(handle, id) : mproc_pipe_release(receiver(handle), id);
}

static int putback(int kind, void *handle, uint64_t id)
{
    return is_queue(kind) ? mproc_queue_putback(handle, id) : mproc_pipe_putback(receiver(handle), id);
}

static int reserve(int kind, void *handle, size_t len, mproc_view_t *view)
{
    return is_queue(kind) ? mproc_queue_reserve(handle, len, view, SHORT, NULL)
                          : mproc_pipe_reserve(sender(handle), len, view, SHORT, NULL);
}

static int commit(int kind, void *handle, uint64_t id, size_t len)
{
    return is_queue(kind) ? mproc_queue_commit(handle, id, len) : mproc_pipe_commit(sender(handle), id, len);
}

static int give_up(int kind, void *handle, uint64_t id)
{
    return is_queue(kind) ? mproc_queue_abort(handle, id) : mproc_pipe_abort(sender(handle), id);
}

static uint64_t ready(int kind, void *handle)
{
    size_t items = 0;
    mproc_pipe_info_t info;
    memset(&info, 0, sizeof info);
    if (is_queue(kind)) {
        CHECK_OK(mproc_queue_size(handle, &items));
        return items;
    }
    CHECK_OK(mproc_pipe_info(receiver(handle), &info, sizeof info));
    return info.incoming;
}

static size_t word_of(int kind, int word)
{
    return (size_t)(subjects[kind].rings[0].words + word);
}

static size_t prefix_of(int kind, uint32_t position)
{
    return (size_t)subjects[kind].rings[0].data + position % UNITS * 8;
}

/* Where the i-th message of a good image begins. */
static size_t message_at(int kind, int i)
{
    return prefix_of(kind, FIRST + BEFORE(i));
}

static void *spoilt(int kind, const char *what, const struct word *words, size_t count)
{
    return spoil(place, kind, opened_before, what, words, count);
}

/* What is done in one ring of a pipe does not reach into the other, where no guard would see it. */
static void other_ring_is_untouched(int kind)
{
    static struct image now;
    if (subjects[kind].rings_count > 1) {
        size_t at = (size_t)subjects[kind].rings[1].data;
        read_image(place->dir, "victim", &now);
        CHECK(!memcmp(now.bytes + at, place->image[kind].bytes + at, QUEUE_BYTES));
    }
}

/* Exactly so many messages come out, whatever their order; a last look finds what the dead had. */
static void expect(int kind, void *handle, int messages, const char *file, int line)
{
    size_t len = 0;
    for (int i = 0; i < messages; i++) {
        if (i == messages - 1) {
            proc_sleep_ns(REAP);
        }
        check_status(MPROC_OK, take(kind, handle, &len, SEC), file, line, "a message");
    }
    for (int i = 0; i < 2; i++) { /* the first goes past what the second gives back */
        proc_sleep_ns(REAP);
        check_status(MPROC_ETIMEDOUT, take(kind, handle, &len, SHORT), file, line, "no message");
    }
}
#define EXPECT(kind, handle, messages) expect(kind, handle, messages, __FILE__, __LINE__)

/* --- records -------------------------------------------------------------------------------------------------- */

struct owner {
    const char *what;
    uint32_t word;
    bool dead;
};

enum { OWNERS = 8 };

static void owners(struct owner *list)
{
    const struct owner all[OWNERS] = {
        { "nobody's any more", atomic_load(&place->cast->dead), true },
        { "somebody's", atomic_load(&place->cast->living), false },
        { "ours", own_word(place->domain), false },
        { "of a generation that never was", 1022 | 5 << 10, true },
        { "of a slot out of range", 1023, true },
        { "of a generation without a slot", 7 << 10, true },
        { "of all bits", ~WAITING, true },
        { "of owner 0", 0, true },
    };
    memcpy(list, all, sizeof all);
}

static const char *const state_names[STATES] = { "vacant", "whole",  "again", "claimed",
                                                 "passed", "held", "free",  "rest" };

static bool is_owned(enum record_state state)
{
    return state == CLAIMED || state == PASSED || state == HELD;
}

static uint64_t record(size_t len, enum record_state state, const struct owner *owner)
{
    return RECORD(len, state, is_owned(state) ? owner->word : NOBODY);
}

/* Whether a record in that state becomes a message, sooner or later. */
static bool comes(enum record_state state, const struct owner *owner)
{
    return state == WHOLE || state == AGAIN || (state == HELD && owner->dead);
}

/* Of a living reservation in a pipe, that all behind it has to wait. */
static bool holds_up(int kind, enum record_state state, const struct owner *owner)
{
    return !is_queue(kind) && state == CLAIMED && !owner->dead;
}

/* All that can be taken was: the rest is padding, or is somebody's. */
static void goes_on(int kind, void *handle, bool held_up)
{
    size_t len = 0;
    mproc_view_t view;
    CHECK_OK(put(kind, handle, 24, SEC));
    CHECK_OK(reserve(kind, handle, 100, &view));
    CHECK_OK(commit(kind, handle, view.id, 48));
    CHECK_IS(held_up ? MPROC_ETIMEDOUT : MPROC_OK, take(kind, handle, &len, held_up ? SHORT : SEC));
    CHECK(held_up || len == 24);
    CHECK_IS(held_up ? MPROC_ETIMEDOUT : MPROC_OK, peek(kind, handle, &view, held_up ? SHORT : SEC));
    if (!held_up) {
        CHECK_INT(48, view.len);
        CHECK_OK(release(kind, handle, view.id));
    }
}

/* One record of the six is something else. */
static void one_record(int kind, int at, enum record_state state, const struct owner *owner)
{
    char what[120];
    const struct word changed[] = { { message_at(kind, at), 8, record(LENGTH(at), state, owner) },
                                    { word_of(kind, RING_LAST_CLAIM), 4, FIRST + BEFORE(at) } };
    bool held_up = holds_up(kind, state, owner), stays = is_owned(state) && !owner->dead;
    mproc_queue_info_t info;
    void *handle;
    snprintf(what, sizeof what, "message %d is %s, %s", at, state_names[state], is_owned(state) ? owner->what : "");
    handle = spoilt(kind, what, changed, 2);
    EXPECT(kind, handle, held_up ? at : comes(state, owner) ? MESSAGES : MESSAGES - 1);
    CHECK(held_up || state == REST || ready(kind, handle) == 0); /* the tail counts a rest as a message here */
    if (is_queue(kind)) {
        CHECK_OK(mproc_queue_info(handle, &info, sizeof info));
        CHECK_INT(stays && state == HELD, info.held);
        CHECK_INT(stays && state != HELD, info.reserved);
        CHECK(stays || info.used_bytes == 0); /* all room was given back */
    }
    /* It is not this handle's, even if it is this process's. */
    CHECK_IS(MPROC_EPERM, release(kind, handle, (FIRST + BEFORE(at)) % UNITS));
    CHECK_IS(MPROC_EPERM, putback(kind, handle, FIRST + BEFORE(at)));
    CHECK_IS(MPROC_EPERM, commit(kind, handle, FIRST + BEFORE(at), 0));
    CHECK_IS(MPROC_EPERM, give_up(kind, handle, FIRST + BEFORE(at)));
    goes_on(kind, handle, held_up);
    other_ring_is_untouched(kind);
    spoilt_done(kind, handle);
}

static void single_records(int kind)
{
    static const int places[] = { 0, 2, MESSAGES - 1 };
    struct owner list[OWNERS];
    owners(list);
    for (enum record_state state = AGAIN; state < STATES; state++) {
        for (int o = 0; o < (is_owned(state) ? OWNERS : 1); o++) {
            for (int i = 0; i < (o < 3 ? 3 : 1); i++) { /* one place is enough for the stranger ones */
                one_record(kind, places[i], state, &list[o]);
            }
        }
    }
}

/* All six are something else: the same, or any. */
static void assorted(int kind, struct rng *rng, enum record_state all, int owner)
{
    struct owner list[OWNERS];
    struct word words[MESSAGES + 1] = { { 0, 0, 0 } };
    char what[200] = "";
    int messages = 0;
    bool held_up = false, miscounted = false;
    void *handle;
    owners(list);
    for (int i = 0; i < MESSAGES; i++) {
        enum record_state state = all ? all : (enum record_state)(WHOLE + rng_below(rng, STATES - WHOLE));
        const struct owner *whose = &list[all ? owner : (int)rng_below(rng, 4)];
        words[i].at = message_at(kind, i);
        words[i].width = 8;
        words[i].value = record(LENGTH(i), state, whose);
        snprintf(what + strlen(what), sizeof what - strlen(what), "%s%s ", state_names[state],
                 is_owned(state) ? whose->dead ? " (dead)" : " (alive)" : "");
        held_up = held_up || holds_up(kind, state, whose);
        miscounted = miscounted || state == REST; /* the tail counts it as a message here */
        messages += !held_up && comes(state, whose);
    }
    words[MESSAGES].at = word_of(kind, RING_LAST_CLAIM);
    words[MESSAGES].width = 4;
    words[MESSAGES].value = FIRST + BEFORE(MESSAGES - 1);
    handle = spoilt(kind, what, words, MESSAGES + 1);
    EXPECT(kind, handle, messages);
    CHECK(held_up || miscounted || ready(kind, handle) == 0);
    goes_on(kind, handle, held_up);
    spoilt_done(kind, handle);
}

static void assortments(int kind)
{
    struct rng rng = { mix64(options.seed) ^ (uint64_t)kind };
    for (enum record_state state = AGAIN; state < STATES; state++) {
        for (int owner = 0; owner < (is_owned(state) ? 3 : 1); owner++) {
            assorted(kind, &rng, state, owner);
        }
    }
    for (int i = 0; i < 20; i++) {
        assorted(kind, &rng, VACANT, 0);
    }
}

/* What the dead held comes back as it was, in its order, and says so; what was given back comes before the rest. */
static void comes_back(int kind)
{
    const uint32_t dead = atomic_load(&place->cast->dead);
    const enum record_state states[] = { HELD, AGAIN };
    for (int s = 0; s < 2; s++) {
        struct word words[MESSAGES + 2] = {
            { word_of(kind, RING_READ), 8, MARK(FIRST + BEFORE(3), FIRST_COUNT + 3) },
            { word_of(kind, RING_DETACHED), 4, 1 },
        };
        mproc_view_t view;
        void *handle;
        for (int i = 0; i < 3; i++) { /* the first three were gone past */
            words[2 + i].at = message_at(kind, i);
            words[2 + i].width = 8;
            words[2 + i].value = RECORD(LENGTH(i), states[s], states[s] == HELD ? dead : NOBODY);
        }
        handle = spoilt(kind, s == 0 ? "three of the dead" : "three given back", words, 5);
        for (int i = 0; i < MESSAGES; i++) {
            CHECK_IS(i < 3 ? MPROC_RECOVERED : MPROC_OK, peek(kind, handle, &view, SEC));
            CHECK_INT(LENGTH(i), view.len);
            CHECK_OK(i % 2 ? release(kind, handle, view.id) : putback(kind, handle, view.id));
            if (i % 2 == 0) { /* whoever puts something back gets it again */
                CHECK_IS(MPROC_RECOVERED, peek(kind, handle, &view, SEC));
                CHECK_INT(LENGTH(i), view.len);
                CHECK_OK(release(kind, handle, view.id));
            }
        }
        EXPECT(kind, handle, 0);
        spoilt_done(kind, handle);
    }
}

/* Lengths that lead past the end of what is there, or of the ring. */
static void lengths(int kind)
{
    static const struct {
        uint32_t len;
        const char *what;
    } too_long[] = {
        { 700, "leads past the tail" },
        { QUEUE_BYTES - 8, "takes all of the ring" },
        { QUEUE_BYTES - 7, "is longer than the ring" },
        { LONGEST, "is as long as can be" },
    };
    struct owner list[OWNERS];
    char what[120];
    owners(list);
    for (enum record_state state = WHOLE; state < STATES; state++) {
        for (size_t i = 0; i < sizeof too_long / sizeof too_long[0]; i++) {
            for (int o = 0; o < (is_owned(state) ? 3 : 1); o++) {
                const struct word word = { message_at(kind, 0), 8, record(too_long[i].len, state, &list[o]) };
                bool fits = too_long[i].len <= QUEUE_BYTES - 8;
                size_t len = 0;
                void *handle;
                if (!is_queue(kind) && fits && state <= AGAIN) {
                    continue; /* no tail to lead past: a wrong message */
                }
                snprintf(what, sizeof what, "a record that is %s and %s", state_names[state], too_long[i].what);
                handle = spoilt(kind, what, &word, 1);
                if (fits && holds_up(kind, state, &list[o])) {
                    CHECK_IS(MPROC_ETIMEDOUT, take(kind, handle, &len, SHORT));
                    spoilt_done(kind, handle);
                } else if (fits && (state == AGAIN || (state == HELD && list[o].dead))) {
                    /* Taken as it is, unless what is behind it is looked at before. */
                    int status = take(kind, handle, &len, SHORT);
                    CHECK(status == MPROC_OK || status == MPROC_ECORRUPT);
                    CHECK_IS(MPROC_ECORRUPT, take(kind, handle, &len, SHORT));
                    stays_corrupt(place, kind, handle);
                } else {
                    CHECK_IS(MPROC_ECORRUPT, take(kind, handle, &len, SHORT));
                    other_ring_is_untouched(kind);
                    stays_corrupt(place, kind, handle);
                }
            }
        }
    }
}

/* A message that was committed shorter than it was reserved, and what stands where the rest of it should. */
static void paddings(int kind)
{
    const struct owner dead = { "nobody's any more", atomic_load(&place->cast->dead), true };
    const struct {
        const char *what;
        uint64_t message, rest;
        bool fits;
    } pairs[] = {
        { "a padded message", RECORD(8, WHOLE, PADDED), RECORD(24, REST, NOBODY), true },
        { "a padded message that does not say so", MESSAGE(8), RECORD(24, REST, NOBODY), true },
        { "a padded message that was given back", RECORD(8, AGAIN, PADDED), RECORD(24, REST, PADDED), true },
        { "padding that is a dead reservation", RECORD(8, WHOLE, PADDED), record(24, CLAIMED, &dead), true },
        { "padding that was a message", RECORD(8, WHOLE, PADDED), RECORD(24, FREE, NOBODY), true },
        { "a padded message that is whole", RECORD(40, WHOLE, PADDED), RECORD(24, REST, NOBODY), true },
        { "padding that is nothing", RECORD(8, WHOLE, PADDED), RECORD(24, VACANT, NOBODY), false },
        { "padding that leads past the tail", RECORD(8, WHOLE, PADDED), RECORD(700, REST, NOBODY), false },
        { "padding all around", RECORD(8, WHOLE, PADDED), RECORD(QUEUE_BYTES - 8, REST, NOBODY), false },
        { "padding without an end", RECORD(8, WHOLE, PADDED), RECORD(LONGEST, REST, NOBODY), false },
        { "a dead one's padding without an end", record(8, HELD, &dead), RECORD(LONGEST, REST, NOBODY), false },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct word changed[] = { { message_at(kind, 1), 8, pairs[i].message },
                                        { message_at(kind, 1) + 16, 8, pairs[i].rest } };
        void *handle = spoilt(kind, pairs[i].what, changed, 2);
        int status = MPROC_OK;
        size_t len = 0;
        if (pairs[i].fits) {
            EXPECT(kind, handle, MESSAGES);
            goes_on(kind, handle, false);
            spoilt_done(kind, handle);
            continue;
        }
        for (int k = 0; k <= MESSAGES && status == MPROC_OK; k++) {
            status = take(kind, handle, &len, SEC);
        }
        CHECK_IS(MPROC_ECORRUPT, status);
        stays_corrupt(place, kind, handle);
    }
}

/* A ring of nothing but the smallest records, without a beginning or an end. */
static void floods(int kind)
{
    struct owner list[OWNERS];
    owners(list);
    for (enum record_state state = WHOLE; state < STATES; state++) {
        for (int o = 0; o < (is_owned(state) ? 3 : 1); o++) {
            static struct word words[UNITS + 1];
            char what[120];
            bool held_up = holds_up(kind, state, &list[o]);
            int messages = comes(state, &list[o]) ? UNITS : 0;
            size_t len = 0;
            void *handle;
            for (uint32_t i = 0; i < UNITS; i++) {
                words[i].at = prefix_of(kind, i);
                words[i].width = 8;
                words[i].value = record(0, state, &list[o]);
            }
            words[UNITS].at = word_of(kind, RING_TAIL);
            words[UNITS].width = 8;
            words[UNITS].value = MARK(FIRST + UNITS, FIRST_COUNT + UNITS);
            snprintf(what, sizeof what, "a ring of records that are %s, %s", state_names[state],
                     is_owned(state) ? list[o].what : "");
            handle = spoilt(kind, what, words, UNITS + 1);
            if (is_queue(kind)) { /* the queue knows where they end */
                EXPECT(kind, handle, messages);
                if (!is_owned(state) || list[o].dead) {
                    goes_on(kind, handle, false);
                } else {
                    CHECK_IS(MPROC_ETIMEDOUT, put(kind, handle, 1, SHORT)); /* no room */
                }
                spoilt_done(kind, handle);
            } else if (state == WHOLE) { /* any number of wrong messages, but no call that never ends */
                for (int i = 0; i < 2 * UNITS; i++) {
                    CHECK_OK(take(kind, handle, &len, SHORT));
                }
                spoilt_done(kind, handle);
            } else if (held_up) {
                CHECK_IS(MPROC_ETIMEDOUT, take(kind, handle, &len, SHORT));
                CHECK_IS(MPROC_ECORRUPT, put(kind, handle, 1, SHORT)); /* and no place behind them */
                stays_corrupt(place, kind, handle);
            } else {
                for (int i = 0; i < 2 * UNITS && take(kind, handle, &len, SHORT) == MPROC_OK; i++) {
                }
                if (state != AGAIN) {
                    CHECK_IS(MPROC_ECORRUPT, take(kind, handle, &len, SHORT));
                    stays_corrupt(place, kind, handle);
                } else {
                    spoilt_done(kind, handle);
                }
            }
        }
    }
}

/* --- words ---------------------------------------------------------------------------------------------------- */

static void marks_and_claims(int kind)
{
    enum { CORRUPT = -1 };
    const uint32_t last = FIRST + BEFORE(MESSAGES);
    const struct {
        const char *what;
        uint32_t read, read_count, detached, late;
        int messages;
    } marks[] = {
        { "detached, nothing gone past", FIRST, FIRST_COUNT, 1, 0, MESSAGES },
        { "detached by another word", FIRST, FIRST_COUNT, UINT32_MAX, UINT32_MAX, MESSAGES },
        { "two gone past, and still messages", FIRST + BEFORE(2), FIRST_COUNT + 2, 1, 0, MESSAGES },
        { "two gone past, known to be late", FIRST + BEFORE(2), FIRST_COUNT + 2, 2, 1, MESSAGES },
        { "all gone past", last, FIRST_COUNT + MESSAGES, 1, 0, MESSAGES },
        { "a wrong count", FIRST + BEFORE(2), 0x12345678, 1, 0, MESSAGES },
        { "a mark, but not detached", 0x87654321, 0x12345678, 0, 0, MESSAGES },
        { "late, but not detached", FIRST, FIRST_COUNT, 0, UINT32_MAX, MESSAGES },
        { "the mark is behind the head", FIRST - 1, FIRST_COUNT, 1, 0, CORRUPT },
        { "the mark is half the world away", FIRST + (1u << 31), FIRST_COUNT, 1, 1, CORRUPT },
        { "the mark is more than a ring ahead", FIRST + UNITS + 1, FIRST_COUNT, 1, 0, CORRUPT },
        { "the mark is beyond the tail", last + 1, FIRST_COUNT + MESSAGES, 1, 0, CORRUPT },
        { "the mark is in the middle of a message", FIRST + 3, FIRST_COUNT, 1, 0, CORRUPT },
    };
    const uint32_t claims[] = { FIRST, FIRST + 1, last, last - 1, last + 1, 0, UINT32_MAX, FIRST - 1, FIRST + UNITS };
    size_t len = 0;
    void *handle;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const struct word changed[] = {
            { word_of(kind, RING_READ), 8, MARK(marks[i].read, marks[i].read_count) },
            { word_of(kind, RING_DETACHED), 4, marks[i].detached },
            { word_of(kind, RING_LATE), 4, marks[i].late },
        };
        handle = spoilt(kind, marks[i].what, changed, 3);
        ready(kind, handle); /* any number, unless it is to be waited for */
        if (marks[i].messages == CORRUPT) {
            CHECK_IS(MPROC_ECORRUPT, take(kind, handle, &len, SEC));
            stays_corrupt(place, kind, handle);
        } else {
            EXPECT(kind, handle, marks[i].messages);
            goes_on(kind, handle, false);
            spoilt_done(kind, handle);
        }
    }
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        const struct word claim = { word_of(kind, RING_LAST_CLAIM), 4, claims[i] };
        handle = spoilt(kind, "a reservation where there is none", &claim, 1);
        CHECK_INT(MESSAGES, ready(kind, handle));
        EXPECT(kind, handle, MESSAGES);
        goes_on(kind, handle, false);
        spoilt_done(kind, handle);
    }
}

/*
 * The head is one unit ahead of the mark, so almost the whole world behind it, and in between is nothing that would
 * stop anybody: nobody may walk it.
 */
static void far_behind(int kind)
{
    mproc_view_t view;
    size_t len = 0;
    for (int way = 0; way < 3; way++) {
        void *handle = spoil(place, kind, true, "a head that is far behind", NULL, 0);
        uint32_t mark;
        CHECK_OK(peek(kind, handle, &view, SEC)); /* looks for the dead, as only one call in 10 ms does */
        CHECK_OK(way == 2 ? release(kind, handle, view.id) : MPROC_OK);
        mark = (uint32_t)view.id;
        for (uint32_t i = 0; i < UNITS; i++) {
            poke64(place->dir, "victim", prefix_of(kind, i), RECORD(0, FREE, NOBODY));
        }
        if (way < 2) {
            poke64(place->dir, "victim", prefix_of(kind, mark), RECORD(0, HELD, own_word(place->domain)));
        }
        poke64(place->dir, "victim", word_of(kind, RING_READ), MARK(mark, 5));
        poke64(place->dir, "victim", word_of(kind, RING_TAIL), MARK(mark, 5));
        poke64(place->dir, "victim", word_of(kind, RING_HEAD), MARK(mark + 1, 5));
        poke32(place->dir, "victim", word_of(kind, RING_DETACHED), 1);
        switch (way) {
        case 0:
            CHECK_IS(MPROC_ECORRUPT, release(kind, handle, view.id));
            break;
        case 1:
            CHECK_OK(putback(kind, handle, view.id));
            CHECK_IS(MPROC_ECORRUPT, peek(kind, handle, &view, SHORT));
            break;
        default:
            CHECK_IS(MPROC_ECORRUPT, take(kind, handle, &len, SHORT));
        }
        stays_corrupt(place, kind, handle);
    }
}

/* A sleeper whose announcement somebody wipes out looks around by itself before long: taking, putting, joining. */
static void wiped(int kind)
{
    enum { TAKING, PUTTING, JOINING };
    for (int what = TAKING; what <= (kind == JOBS ? JOINING : PUTTING); what++) {
        static const char *const names[] = { "taking", "putting", "joining" };
        size_t at = what == TAKING    ? word_of(kind, RING_NOT_EMPTY)
                    : what == PUTTING ? word_of(kind, RING_NOT_FULL)
                                      : AT_DONE;
        void *handle = spoilt(kind, names[what], NULL, 0);
        mproc_view_t view;
        size_t len = 0;
        int status;
        pid_t pid;
        if (what == PUTTING) {
            while (put(kind, handle, 0, 0) == MPROC_OK) {
            }
        } else {
            EXPECT(kind, handle, MESSAGES);
        }
        if (what == JOINING) {
            for (int i = 0; i < MESSAGES; i++) {
                CHECK_OK(mproc_queue_task_done(handle));
            }
            CHECK_OK(put(kind, handle, 5, 0));
            CHECK_OK(peek(kind, handle, &view, 0));
        }
        enter(stage->what);
        pid = proc_fork();
        if (pid == 0) {
            status = what == TAKING    ? take(kind, handle, &len, 60 * SEC)
                     : what == PUTTING ? put(kind, handle, 0, 60 * SEC)
                                       : mproc_queue_join(handle, 60 * SEC, NULL);
            _exit(status == MPROC_OK ? 0 : 1);
        }
        while (peek32(place->dir, "victim", at + 4) == 0) {
            proc_sleep_ns(MS);
        }
        poke64(place->dir, "victim", at, 0);
        int64_t end = proc_now() + HANG;
        do { /* the sleeper looks around, and may have lost its processor inside */
            status = what == TAKING    ? put(kind, handle, 5, 0)
                     : what == PUTTING ? take(kind, handle, &len, 0)
                                       : release(kind, handle, view.id);
        } while (status == MPROC_EBUSY && proc_now() < end);
        CHECK_IS(MPROC_OK, status);
        CHECK(proc_wait(pid, 30 * SEC, &status) && status == 0);
        spoilt_done(kind, handle);
    }
}

/* --- what is open in a handle, when the ring changes under it -------------------------------------------------- */

static void open_ones(int kind)
{
    struct owner list[OWNERS];
    const enum record_state states[] = { VACANT, WHOLE, AGAIN, CLAIMED, PASSED, HELD, FREE, REST };
    owners(list);
    for (int s = 0; s < STATES; s++) {
        for (int o = 0; o < (is_owned(states[s]) ? 3 : 1); o++) {
            for (int end = 0; end < 4; end++) {
                char what[120];
                mproc_view_t claim, held;
                bool ours = is_owned(states[s]) && o == 2;
                int status;
                void *handle;
                snprintf(what, sizeof what, "what was open is %s, %s now", state_names[s],
                         is_owned(states[s]) ? list[o].what : "");
                handle = spoil(place, kind, true, what, NULL, 0);
                CHECK_OK(reserve(kind, handle, 64, &claim));
                CHECK_OK(peek(kind, handle, &held, SEC));
                memset(claim.data, 0x33, claim.len);
                poke64(place->dir, "victim", prefix_of(kind, (uint32_t)claim.id), record(64, states[s], &list[o]));
                poke64(place->dir, "victim", prefix_of(kind, (uint32_t)held.id), record(0, states[s], &list[o]));
                if (end == 0) {
                    status = commit(kind, handle, claim.id, 10);
                    CHECK_IS(ours && s != HELD ? MPROC_OK : MPROC_EPERM, status);
                } else if (end == 1) {
                    status = give_up(kind, handle, claim.id);
                    CHECK(status == (ours && s != HELD ? MPROC_OK : MPROC_EPERM) || status == MPROC_ECORRUPT);
                } else if (end == 2) {
                    status = release(kind, handle, held.id);
                    CHECK(status == (ours && s == HELD ? MPROC_OK : MPROC_EPERM) || status == MPROC_ECORRUPT);
                } else {
                    status = putback(kind, handle, held.id);
                    CHECK(status == (ours && s == HELD ? MPROC_OK : MPROC_EPERM) || status == MPROC_ECORRUPT);
                }
                other_ring_is_untouched(kind);
                spoilt_done(kind, handle); /* closes with the other one open */
            }
        }
    }
    /* A reservation that says it is longer or shorter than it was. */
    static const uint32_t lens[] = { 0, 10, 56, 72, QUEUE_BYTES - 8, QUEUE_BYTES, LONGEST };
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        for (int shorter = 0; shorter < 2; shorter++) {
            mproc_view_t claim;
            void *handle = spoil(place, kind, true, "a reservation of another length", NULL, 0);
            int status;
            CHECK_OK(reserve(kind, handle, 64, &claim));
            poke64(place->dir, "victim", prefix_of(kind, (uint32_t)claim.id),
                   RECORD(lens[i], CLAIMED, own_word(place->domain)));
            status = commit(kind, handle, claim.id, shorter ? 5 : 64);
            CHECK_IS(lens[i] > QUEUE_BYTES - 8               ? MPROC_EPERM
                     : lens[i] < (shorter ? 5u : 64u) ? MPROC_ERANGE
                                                      : MPROC_OK,
                     status);
            other_ring_is_untouched(kind);
            spoilt_done(kind, handle);
        }
    }
}

/* The state says that the queue was shut down at once, but nobody did: what is open ends as if somebody had. */
static void closed_under(int kind)
{
    static const uint32_t states[] = { MPROC_QUEUE_CLOSED, 3, 1u << 31, UINT32_MAX };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        mproc_view_t claims[2], held[2], none;
        size_t len = 0;
        void *handle = spoil(place, kind, true, "closed under what is open", NULL, 0);
        for (int k = 0; k < 2; k++) {
            CHECK_OK(reserve(kind, handle, 16, &claims[k]));
            CHECK_OK(peek(kind, handle, &held[k], SEC));
        }
        poke32(place->dir, "victim", word_of(kind, RING_STATE), states[i]);
        CHECK_IS(MPROC_ECLOSED, commit(kind, handle, claims[0].id, 16));
        CHECK_IS(MPROC_EPERM, commit(kind, handle, claims[0].id, 16));
        CHECK_OK(give_up(kind, handle, claims[1].id));
        CHECK_OK(release(kind, handle, held[0].id));
        CHECK_OK(putback(kind, handle, held[1].id));
        CHECK_IS(MPROC_ECLOSED, take(kind, handle, &len, SEC));
        CHECK_IS(MPROC_ECLOSED, peek(kind, handle, &none, SEC));
        CHECK_IS(MPROC_ECLOSED, put(kind, handle, 1, SEC));
        spoilt_done(kind, handle);
    }
}

/* The producer's positions jump back: the same room is handed out twice. */
static void handed_out_twice(int kind)
{
    mproc_view_t first, second;
    void *handle = spoil(place, kind, true, "a tail that jumps back", NULL, 0);
    uint64_t tail = peek64(place->dir, "victim", word_of(kind, RING_TAIL));
    CHECK_OK(reserve(kind, handle, 64, &first));
    poke64(place->dir, "victim", word_of(kind, RING_TAIL), tail);
    poke64(place->dir, "victim", prefix_of(kind, (uint32_t)tail), 0);
    CHECK_OK(reserve(kind, handle, 32, &second));
    CHECK(first.data == second.data && first.id != second.id);
    CHECK_IS(MPROC_ERANGE, commit(kind, handle, first.id, 64));
    CHECK_OK(commit(kind, handle, second.id, 32));
    CHECK_IS(MPROC_EPERM, commit(kind, handle, first.id, 0)); /* there is none any more */
    CHECK_IS(MPROC_EPERM, commit(kind, handle, first.id, 0));
    EXPECT(kind, handle, MESSAGES + 1);
    spoilt_done(kind, handle);
}

/* --- the queue: what is unfinished, who produces ---------------------------------------------------------------- */

static size_t entry_at(uint32_t owner)
{
    return AT_TABLE + 8 * ((owner & 1023) - 1);
}

static void drain(void *queue)
{
    mproc_view_t view;
    for (int i = 0; i < MESSAGES; i++) {
        CHECK_OK(mproc_queue_peek(queue, &view, SEC, NULL));
        CHECK_OK(mproc_queue_release(queue, view.id));
    }
}

static uint64_t unfinished(const mproc_queue_t *queue)
{
    mproc_queue_info_t info;
    memset(&info, 0, sizeof info);
    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    return info.unfinished;
}

#define ENTRY_OF(owner, count) ((uint64_t)(owner) << 32 | (uint32_t)(count))

static void table(void)
{
    static const uint32_t counts[] = { 1, 7, 1u << 31, UINT32_MAX };
    const uint32_t self = own_word(place->domain), slot = 8 * ((self & 1023) - 1);
    struct owner list[OWNERS];
    size_t len = 0;
    void *handle;
    owners(list);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (int o = 0; o < OWNERS; o++) {
            for (int far = 0; far < 2; far++) { /* in its own slot, or in one that is nobody's */
                char what[120];
                bool in_table = (list[o].word & 1023) >= 1 && (list[o].word & 1023) <= 1022;
                const struct word entry = { far || !in_table ? AT_TABLE + 8 * 1000 : entry_at(list[o].word), 8,
                                            ENTRY_OF(list[o].word, counts[c]) };
                snprintf(what, sizeof what, "%u unfinished, %s%s", counts[c], list[o].what,
                         far ? ", in another's place" : "");
                handle = spoilt(JOBS, what, &entry, 1);
                CHECK_INT(MESSAGES + (list[o].dead ? 0 : (uint64_t)counts[c]), unfinished(handle));
                drain(handle);
                if (list[o].dead) {
                    CHECK_IS(MPROC_RECOVERED, mproc_queue_join(handle, SEC, NULL));
                    CHECK_OK(mproc_queue_join(handle, SEC, NULL)); /* told once */
                } else {
                    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(handle, SHORT, NULL));
                    CHECK_INT(counts[c], unfinished(handle));
                }
                spoilt_done(JOBS, handle);
            }
        }
        /* This process's entry. */
        for (int o = 0; o < OWNERS; o++) {
            const struct word entry = { AT_TABLE + slot, 8, ENTRY_OF(list[o].word, counts[c]) };
            bool ours = list[o].word == self;
            handle = spoilt(JOBS, "our place in the table is another's", &entry, 1);
            CHECK_IS(ours ? MPROC_OK : MPROC_EPERM, mproc_queue_task_done(handle));
            CHECK_OK(mproc_queue_get(handle, &len, 0, &len, 0, NULL)); /* whoever takes one has it from now on */
            CHECK_OK(mproc_queue_task_done(handle));
            if (!ours) {
                CHECK_IS(MPROC_EPERM, mproc_queue_task_done(handle));
            }
            spoilt_done(JOBS, handle);
        }
    }
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) { /* how often something was abandoned */
        const struct word word = { AT_ABANDONED, 4, counts[c] };
        handle = spoilt(JOBS, "something was abandoned, they say", &word, 1);
        drain(handle);
        CHECK_IS(opened_before ? MPROC_RECOVERED : MPROC_OK, mproc_queue_join(handle, SEC, NULL));
        CHECK_OK(mproc_queue_join(handle, SEC, NULL));
        spoilt_done(JOBS, handle);
    }
    { /* A full table adds up, and does not overflow. */
        static struct word all[1024];
        for (size_t i = 0; i < 1024; i++) {
            all[i].at = AT_TABLE + 8 * i;
            all[i].width = 8;
            all[i].value = ENTRY_OF(self, UINT32_MAX);
        }
        handle = spoilt(JOBS, "a full table", all, 1024);
        CHECK_INT(MESSAGES + SLOTS * (uint64_t)UINT32_MAX, unfinished(handle));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(handle, SHORT, NULL));
        CHECK_OK(mproc_queue_get(handle, &len, 0, &len, 0, NULL)); /* no more than can be counted */
        CHECK_OK(mproc_queue_task_done(handle));
        CHECK_OK(mproc_queue_task_done(handle));
        spoilt_done(JOBS, handle);
        for (size_t i = 0; i < 1024; i++) {
            all[i].value = ENTRY_OF(list[i % 2 ? 0 : 3 + i % 5].word, i);
        }
        handle = spoilt(JOBS, "a table of the dead", all, 1024);
        drain(handle);
        CHECK_IS(MPROC_RECOVERED, mproc_queue_join(handle, SEC, NULL));
        CHECK_OK(mproc_queue_join(handle, 0, NULL));
        CHECK_INT(0, peek64(place->dir, "victim", AT_TABLE + 8));
        spoilt_done(JOBS, handle);
    }
}

/* Words that only say when it is worth asking: the answer is the kernel's. */
static const uint32_t presences[] = { 0, 1, 2, 3, 1u << 31, UINT32_MAX };
enum { PRESENCES = sizeof presences / sizeof presences[0] };

static void producers(void)
{
    mproc_queue_t *producer = NULL;
    mproc_queue_info_t info;
    size_t len = 0;
    for (int i = 0; i < PRESENCES; i++) {
        const struct word word = { AT_PRODUCERS, 4, presences[i] };
        void *handle = spoilt(QUEUE, "another word about producers", &word, 1);
        for (int k = 0; k < MESSAGES; k++) { /* nobody produces, but something is left */
            CHECK_OK(take(QUEUE, handle, &len, SEC));
        }
        proc_sleep_ns(REAP);
        CHECK_IS(presences[i] ? MPROC_ECLOSED : MPROC_ETIMEDOUT, take(QUEUE, handle, &len, presences[i] ? SEC : SHORT));
        CHECK_OK(mproc_queue_info(handle, &info, sizeof info));
        CHECK_INT(presences[i] ? MPROC_PRODUCERS_GONE : MPROC_PRODUCERS_NONE, info.producers);
        CHECK_OK(put(QUEUE, handle, 5, 0));
        CHECK_OK(take(QUEUE, handle, &len, SEC));

        CHECK_OK(mproc_queue_producer(handle, &producer));
        poke32(place->dir, "victim", AT_PRODUCERS, presences[i]);
        CHECK_IS(MPROC_ETIMEDOUT, take(QUEUE, handle, &len, SHORT));
        CHECK_OK(mproc_queue_info(handle, &info, sizeof info));
        CHECK_INT(presences[i] ? MPROC_PRODUCERS_OPEN : MPROC_PRODUCERS_NONE, info.producers);
        mproc_queue_close(producer);
        spoilt_done(QUEUE, handle);
    }
}

/* --- the pipe: its ends, its terminators ------------------------------------------------------------------------ */

static void ends(int kind)
{
    mproc_pipe_info_t info;
    size_t len = 0;
    for (int i = 0; i < PRESENCES * PRESENCES; i++) {
        const struct word both_words[] = { { AT_ENDS, 4, presences[i / PRESENCES] },
                                           { AT_ENDS + 128, 4, presences[i % PRESENCES] } };
        struct both *both = spoil(place, kind, true, "other words about the ends", both_words, 2);
        for (int end = 0; end < 2; end++) {
            CHECK_OK(mproc_pipe_info(both->end[end], &info, sizeof info));
            CHECK_INT(both_words[1 - end].value ? MPROC_PEER_OPEN : MPROC_PEER_AWAITED, info.peer);
        }
        EXPECT(kind, both, MESSAGES);
        goes_on(kind, both, false);

        /* One end goes, the word says something else again. */
        mproc_pipe_close(both->end[1]);
        both->end[1] = NULL;
        poke32(place->dir, "victim", AT_ENDS + 128, presences[i % PRESENCES]);
        proc_sleep_ns(REAP);
        CHECK_IS(presences[i % PRESENCES] ? MPROC_EOF : MPROC_ETIMEDOUT,
                 mproc_pipe_recv(both->end[0], NULL, 0, &len, presences[i % PRESENCES] ? SEC : SHORT, NULL));
        CHECK_OK(mproc_pipe_info(both->end[0], &info, sizeof info));
        CHECK_INT(presences[i % PRESENCES] ? MPROC_PEER_GONE : MPROC_PEER_AWAITED, info.peer);
        CHECK_OK(mproc_pipe_open(place->domain, "victim", NULL, 1, &both->end[1]));
        spoilt_done(kind, both);
    }
}

static void terminators(int kind)
{
    const uint32_t last = FIRST + BEFORE(MESSAGES);
    const uint64_t tail = MARK(last, FIRST_COUNT + MESSAGES);
    static const struct {
        const char *what;
        uint64_t prefix;
        int messages; /* -1: corrupt */
    } behind[] = {
        { "an empty message behind the last", MESSAGE(0), MESSAGES + 1 },
        { "padding behind the last", RECORD(0, FREE, NOBODY), MESSAGES },
        { "no record behind the last", 1, -1 },
        { "all bits behind the last", UINT64_MAX, -1 },
        { "a record of no state behind the last", RECORD(0, VACANT, NOBODY), -1 },
    };
    const uint64_t sendings[] = { 0, 1, tail, tail + 1, tail - 1, MARK(FIRST, FIRST_COUNT), UINT64_MAX };
    size_t len = 0;
    void *handle;
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        const struct word words_behind[] = { { prefix_of(kind, last), 8, behind[i].prefix },
                                             { prefix_of(kind, last + 1), 8, 0 },
                                             { word_of(kind, RING_SENDING), 8, 0 } }; /* somebody died in the middle */
        handle = spoilt(kind, behind[i].what, words_behind, 3);
        if (behind[i].messages >= 0) {
            EXPECT(kind, handle, behind[i].messages);
            goes_on(kind, handle, false); /* the sender goes past what it has not counted */
            spoilt_done(kind, handle);
        } else {
            for (int k = 0; k < MESSAGES; k++) {
                CHECK_OK(take(kind, handle, &len, SEC));
            }
            CHECK_IS(MPROC_ECORRUPT, take(kind, handle, &len, SEC));
            stays_corrupt(place, kind, handle);
            handle = spoilt(kind, behind[i].what, words_behind, 3);
            CHECK_IS(MPROC_ECORRUPT, put(kind, handle, 1, SEC));
            stays_corrupt(place, kind, handle);
        }
    }
    for (size_t i = 0; i < sizeof sendings / sizeof sendings[0]; i++) { /* only a reason to look */
        const struct word word = { word_of(kind, RING_SENDING), 8, sendings[i] };
        handle = spoilt(kind, "another announcement of a sender", &word, 1);
        CHECK_OK(put(kind, handle, 16, SEC));
        EXPECT(kind, handle, MESSAGES + 1);
        goes_on(kind, handle, false);
        spoilt_done(kind, handle);
    }
    for (int i = 0; i < MESSAGES; i++) { /* as if its sender had died before it counted */
        const struct word word = { word_of(kind, RING_TAIL), 8, MARK(FIRST + BEFORE(i), FIRST_COUNT + i) };
        handle = spoilt(kind, "a tail that is behind", &word, 1);
        CHECK_OK(put(kind, handle, 16, SEC));
        CHECK_INT(MARK(last + 3, FIRST_COUNT + MESSAGES + 1), peek64(place->dir, "victim", word_of(kind, RING_TAIL)));
        EXPECT(kind, handle, MESSAGES + 1);
        spoilt_done(kind, handle);
    }
    {
        const struct word ahead[] = { { word_of(kind, RING_TAIL), 8, tail + 5 }, { prefix_of(kind, last + 5), 8, 0 } };
        handle = spoilt(kind, "a tail that is ahead of the place where the next one is awaited", ahead, 2);
        CHECK_OK(put(kind, handle, 16, SEC)); /* never found */
        EXPECT(kind, handle, MESSAGES);
        spoilt_done(kind, handle);
    }
    for (int i = 0; i < MESSAGES; i++) { /* the message is there, but not its prefix: there is nothing */
        const struct word word = { message_at(kind, i), 8, 0 };
        handle = spoilt(kind, "a zero too early", &word, 1);
        EXPECT(kind, handle, i);
        spoilt_done(kind, handle);
    }
}

/* --- locks: on words inside, and on the bytes that say who has a role -------------------------------------------- */

/* Closed with something open, while somebody alive seems to be inside for ever. */
static void closed_behind_a_lock(int kind)
{
    uint32_t living = atomic_load(&place->cast->living);
    mproc_view_t view;
    void *handle = spoil(place, kind, true, "closed behind a lock", NULL, 0), *fresh = NULL;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(peek(kind, handle, &view, SEC));
        CHECK_OK(reserve(kind, handle, 16, &view));
    }
    poke32(place->dir, "victim", word_of(kind, RING_GET_LOCK), living);
    poke32(place->dir, "victim", word_of(kind, RING_PUT_LOCK), living | WAITING);
    CHECK_OK(subjects[kind].open(place->domain, "victim", &fresh));
    spoilt_done(kind, handle);
    poke32(place->dir, "victim", word_of(kind, RING_GET_LOCK), 0);
    poke32(place->dir, "victim", word_of(kind, RING_PUT_LOCK), 0);
    spoilt_done(kind, fresh);
}

static bool lock_byte(int fd, int64_t byte, short type)
{
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/*
 * Somebody locks the byte of a role for himself alone. Whoever takes the role then does not get it, and may seem to be
 * gone later; never more than that.
 */
static void roles(int kind)
{
    size_t len = 0;
    for (int role = 1; role <= 2; role++) {
        void *before = NULL, *fresh = NULL;
        int fd, status;
        snprintf(stage->what, sizeof stage->what, "%s: role %d is somebody's alone", subjects[kind].name, role);
        put_image(place->dir, "victim", &place->image[kind]);
        fd = file_open(place->dir, "victim");
        CHECK(lock_byte(fd, LOCK_BASE + role, F_WRLCK));
        enter(stage->what);
        CHECK_OK(subjects[kind].open(place->domain, "victim", &before));
        spoilt_done(kind, before);
        CHECK_OK(subjects[kind].open(place->domain, "victim", &before));
        close(fd);
        if (is_queue(kind)) {
            mproc_queue_t *producer = NULL;
            CHECK_OK(mproc_queue_producer(before, &producer));
            status = put(kind, producer, 3, 0);
            CHECK(status == MPROC_OK || status == MPROC_ECLOSED);
            mproc_queue_close(producer);
        } else {
            proc_sleep_ns(REAP);
            status = put(kind, before, 3, 0);
            CHECK(status == MPROC_OK || status == MPROC_EPIPE);
        }
        CHECK_OK(subjects[kind].open(place->domain, "victim", &fresh)); /* this one gets it */
        subjects[kind].close(before);
        if (!is_queue(kind)) {
            CHECK_OK(put(kind, fresh, 3, SEC));
            CHECK_OK(take(kind, fresh, &len, SEC));
        }
        spoilt_done(kind, fresh);
    }
}

/* --- all of it: mostly waiting, so each kind of ring, before and after, has a process of its own ------------------ */

static const int kinds[] = { QUEUE, JOBS, PIPE, ONEWAY };
enum { WORKERS = 2 * sizeof kinds / sizeof kinds[0] };

static void all_rings(void *argument)
{
    int kind = kinds[*(const int *)argument / 2];
    opened_before = *(const int *)argument % 2 != 0;
    single_records(kind);
    assortments(kind);
    comes_back(kind);
    lengths(kind);
    paddings(kind);
    floods(kind);
    marks_and_claims(kind);
    wiped(kind);
    if (kind == JOBS) {
        table();
    } else if (kind == QUEUE) {
        producers();
    } else {
        terminators(kind);
    }
    if (opened_before) {
        open_ones(kind);
        handed_out_twice(kind);
        far_behind(kind);
        closed_behind_a_lock(kind);
        roles(kind);
        if (is_queue(kind)) {
            closed_under(kind);
        } else {
            ends(kind);
        }
    }
    place_check(place);
    CHECK(nobody_complained());
}

void part_rings(void)
{
    static struct place here;
    pid_t pids[WORKERS];
    join_tally();
    for (int i = 0; i < (int)WORKERS; i++) {
        pids[i] = proc_fork();
        if (pids[i] == 0) {
            char title[60];
            check_counts = proc_shared(sizeof *check_counts); /* its own: what fails here was this damage */
            place = &here;
            place_make(place, subjects[kinds[i / 2]].name);
            snprintf(title, sizeof title, "rings %s%s", subjects[kinds[i / 2]].name, i % 2 ? "" : ", fresh");
            check_that(watched(new_stage(), title, all_rings, &i, 300), __FILE__, __LINE__, title);
            place_end(place);
            __atomic_fetch_add(&all_counts->passed, check_counts->passed, __ATOMIC_RELAXED);
            __atomic_fetch_add(&all_counts->failed, check_counts->failed, __ATOMIC_RELAXED);
            fflush(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < (int)WORKERS; i++) {
        int status;
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        CHECK(status == 0);
    }
}
