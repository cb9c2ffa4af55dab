/* Random damage that knows the structure of what it damages. */
#include "hostile.h"

#include <stdarg.h>

static void append(char *what, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *what, size_t size, const char *format, ...)
{
    size_t used = strlen(what);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what + used, size - used, format, arguments);
    va_end(arguments);
}

static uint64_t owner_value(struct rng *rng, const struct cast *cast)
{
    static const uint32_t waiters[] = { 0, WAITING };
    uint32_t words[] = {
        atomic_load(&cast->self),
        atomic_load(&cast->living),
        atomic_load(&cast->dead),
        0,
        1023,                                /* a slot out of range */
        1023 | 5 << 10,                      /* with a generation */
        7 << 10,                             /* a generation without a slot */
        1022 | (uint32_t)rng_next(rng) << 10, /* the last slot, any generation */
        atomic_load(&cast->living) + (1 << 10),
        (uint32_t)rng_next(rng) & ~WAITING,
    };
    return words[rng_below(rng, sizeof words / sizeof words[0])] | waiters[rng_below(rng, 2)];
}

static uint64_t plain_value(struct rng *rng, uint64_t old, size_t size)
{
    uint64_t power = UINT64_C(1) << rng_below(rng, 64);
    switch (rng_below(rng, 14)) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return UINT64_MAX;
    case 3:
        return power;
    case 4:
        return power - 1;
    case 5:
        return power + 1;
    case 6:
        return old ^ power;
    case 7:
        return old + 1;
    case 8:
        return old - 1;
    case 9:
        return size + rng_below(rng, 3) - 1;
    case 10:
        return (size - PAGE) / 8 + rng_below(rng, 3) - 1;
    case 11:
        return rng_below(rng, 16);
    case 12:
        return UINT32_MAX - rng_below(rng, 16);
    default:
        return rng_next(rng);
    }
}

/* A prefix of that length; one in eight is impossible. */
static uint64_t record(struct rng *rng, uint32_t length, const struct cast *cast)
{
    enum record_state state = (enum record_state)(WHOLE + rng_below(rng, STATES - WHOLE));
    bool owned = state == CLAIMED || state == PASSED || state == HELD;
    uint32_t owner = (uint32_t)owner_value(rng, cast);
    if (rng_below(rng, 8) == 0) {
        return RECORD(length, rng_below(rng, STATES), owner);
    }
    return RECORD(length, state, owned ? owner : rng_below(rng, 4) ? NOBODY : PADDED);
}

uint64_t interesting(struct rng *rng, enum meaning meaning, int width, uint64_t old, const struct cast *cast,
                     size_t size)
{
    uint64_t value = plain_value(rng, old, size);
    if (meaning == OWNER && rng_below(rng, 4)) {
        value = owner_value(rng, cast);
    } else if (meaning == POSITION && rng_below(rng, 4)) {
        /* A position and a count, either near what it was, or near the capacity away from it. */
        uint32_t step = (uint32_t)rng_below(rng, 5) - 2;
        uint32_t position = (uint32_t)old, number = (uint32_t)(old >> 32);
        position += (uint32_t[]){ step, UNITS + step, 0 - UNITS + step, (uint32_t)rng_next(rng) }[rng_below(rng, 4)];
        number += (uint32_t[]){ 0, step, (uint32_t)rng_next(rng) }[rng_below(rng, 3)];
        value = MARK(position, number);
    } else if (meaning == PREFIX && rng_below(rng, 4)) {
        /* The length that was there, or another, in a state that fits the owner most of the time. */
        uint32_t length = rng_below(rng, 2) ? (uint32_t)old & LONGEST : (uint32_t)plain_value(rng, old & LONGEST, size);
        value = record(rng, length, cast);
    } else if (meaning == ENTRY && rng_below(rng, 4)) {
        value = owner_value(rng, cast) << 32 | (uint32_t)plain_value(rng, (uint32_t)old, size);
    } else if (meaning == HELD_COUNT && rng_below(rng, 4)) {
        value = HELD_ENTRY((owner_value(rng, cast) & ~WAITING) >> 10, plain_value(rng, old & MOST_COUNTED, size));
    } else if (meaning == TENANT && rng_below(rng, 4)) {
        value = (owner_value(rng, cast) & ~WAITING) | (rng_below(rng, 4) ? 0 : rng_next(rng) << 31);
    } else if (meaning == TICKET_STATE && rng_below(rng, 8)) {
        uint32_t numbers[] = { 0, (uint32_t)rng_below(rng, 8), (uint32_t)rng_next(rng), (uint32_t)old >> 2 };
        value = TICKET(numbers[rng_below(rng, 4)], rng_below(rng, TICKET_STATES));
    } else if (meaning == PLACE && rng_below(rng, 8)) {
        uint32_t rounds[] = { 0, 1, 2, (uint32_t)rng_next(rng) };
        value = PLACE_MARK(rounds[rng_below(rng, 4)], plain_value(rng, 0, size), rng_below(rng, MARKS + 1));
    } else if (meaning == BELL && rng_below(rng, 8)) {
        value = BELL_WORD(owner_value(rng, cast) & ~WAITING, rng_next(rng), rng_below(rng, 4) != 0);
    }
    return width == 8 ? value : value & ((UINT64_C(1) << (8 * width)) - 1);
}

static uint64_t *word_at(struct image *image, int at)
{
    return (uint64_t *)(void *)(image->bytes + at);
}

/* How many entries a table has. */
static uint64_t entries_of(const struct field *table)
{
    switch (table->meaning) {
    case HELD_COUNT:
        return ENTRIES;
    case TICKET_NUMBER:
    case TICKET_STATE:
        return MPROC_CONDITION_WAITERS;
    case TENANT:
        return table->at == AT_TICKET_OWNERS ? MPROC_CONDITION_WAITERS : BARRIER_PLACES;
    case PLACE:
        return BARRIER_PLACES;
    case BELL:
        return BELLS;
    default:
        return 1;
    }
}

/* One that matters: of a slot in use, or one of the first. */
static uint64_t entry_in(const struct field *table, struct rng *rng, const struct cast *cast)
{
    uint64_t entry = table->meaning == HELD_COUNT ? entry_of_slot((owner_value(rng, cast) & 1023) - 1)
                                                  : rng_below(rng, 4);
    return entry < entries_of(table) && rng_below(rng, 8) ? entry : rng_below(rng, entries_of(table));
}

/* All of a table, or its beginning: the same everywhere, or numbered. */
static void flood(struct image *image, const struct field *table, struct rng *rng, const struct cast *cast, char *what,
                  size_t what_size)
{
    uint64_t value = interesting(rng, table->meaning, table->width, 0, cast, image->size), step = 0;
    uint64_t count = rng_below(rng, 2) ? entries_of(table) : rng_below(rng, entries_of(table));
    if (table->meaning == TICKET_NUMBER && rng_below(rng, 2)) {
        step = 1;
    } else if (table->meaning == TICKET_STATE && rng_below(rng, 2)) {
        step = TICKET(1, 0);
    } else if (table->meaning == PLACE && rng_below(rng, 2)) {
        step = PLACE_MARK(0, 1, 0);
    }
    append(what, what_size, "%llu of [%d]:u%d=0x%llx+%llu ", (unsigned long long)count, table->at, 8 * table->width,
           (unsigned long long)value, (unsigned long long)step);
    for (uint64_t i = 0; i < count; i++, value += step) {
        memcpy(image->bytes + (uint64_t)table->at + i * (uint64_t)table->width, &value, (size_t)table->width);
    }
    if (image->size == 3 * PAGE && table->meaning == HELD_COUNT && rng_below(rng, 2)) { /* writers look at them all */
        memset(image->bytes + AT_SEEN, 0xFF, 8 * SEEN_WORDS);
        memset(image->bytes + AT_GROUPS, 0xFF, 4);
    }
    if (table->meaning == TICKET_STATE) { /* only with their bits and numbers do they count */
        uint32_t number = (uint32_t)(value >> 2) - (step ? (uint32_t)count : 0);
        memset(image->bytes + AT_TICKET_BITS, (int)rng_next(rng) & 0xFF, count / 8);
        for (uint64_t i = 0; i < count; i++) {
            *word_at(image, AT_TICKET_NUMBERS + 8 * (int)i) = number + (step ? i : 0);
        }
    }
}

static void set(struct image *image, const struct field *field, struct rng *rng, const struct cast *cast, char *what,
                size_t what_size)
{
    uint64_t old = 0, value;
    int at = field->at;
    if (field->meaning >= HELD_COUNT) {
        if (rng_below(rng, 8) == 0) {
            flood(image, field, rng, cast, what, what_size);
            return;
        }
        at += field->width * (int)entry_in(field, rng, cast);
    }
    memcpy(&old, image->bytes + at, (size_t)field->width);
    value = interesting(rng, field->meaning, field->width, old, cast, image->size);
    memcpy(image->bytes + at, &value, (size_t)field->width);
    append(what, what_size, "[%d]:u%d=0x%llx ", at, 8 * field->width, (unsigned long long)value);
}

static const struct field header[] = {
    { AT_MAGIC, 8, NUMBER },  { AT_LAYOUT, 4, NUMBER },     { AT_ENDIAN, 4, NUMBER }, { AT_KIND, 4, NUMBER },
    { AT_FLAGS, 4, NUMBER },  { AT_DOMAIN, 8, NUMBER },     { AT_SIZE, 8, NUMBER },
};
static const struct field common[] = {
    { AT_USER_LOCK, 4, OWNER }, { AT_POISON, 4, NUMBER }, { AT_STEALS, 4, NUMBER }, { AT_ROLLBACKS, 4, NUMBER },
};

static const struct field *pick(const struct field *fields, int count, struct rng *rng)
{
    return &fields[rng_below(rng, (uint64_t)count)];
}

/* A run of bytes anywhere behind the written-once part (or in it, too). */
static void scribble(struct image *image, size_t from, struct rng *rng, char *what, size_t what_size)
{
    size_t at = from + (size_t)rng_below(rng, image->size - from), len = 1 + (size_t)rng_below(rng, 64);
    append(what, what_size, "[%zu..%zu]=random ", at, at + len);
    for (; len > 0 && at < image->size; len--, at++) {
        image->bytes[at] = (uint8_t)rng_next(rng);
    }
}

/* The prefix at a position of the ring. */
static uint64_t *prefix_at(struct image *image, const struct ring *ring, uint32_t position)
{
    return word_at(image, ring->data + (int)(position % UNITS) * 8);
}

static uint32_t units_of(uint64_t prefix)
{
    return (uint32_t)(((prefix & LONGEST) + 15) / 8);
}

/* Damage along the chain of a ring's records: what is consistent gets further than noise. */
static void mutate_ring(struct image *image, const struct ring *ring, struct rng *rng, const struct cast *cast,
                        char *what, size_t what_size)
{
    static const int marks[] = { RING_HEAD, RING_READ, RING_TAIL, RING_HEAD_SEEN, RING_TAIL_SEEN, RING_SENDING };
    const uint64_t marks_count = sizeof marks / sizeof marks[0];
    uint64_t *head = word_at(image, ring->words + RING_HEAD), *tail = word_at(image, ring->words + RING_TAIL);
    uint64_t *read = word_at(image, ring->words + RING_READ), *mark, prefix;
    uint32_t *detached = (uint32_t *)(void *)(image->bytes + ring->words + RING_DETACHED);
    uint32_t *late = (uint32_t *)(void *)(image->bytes + ring->words + RING_LATE);
    uint32_t *last_claim = (uint32_t *)(void *)(image->bytes + ring->words + RING_LAST_CLAIM);
    uint32_t position = (uint32_t)*head, count = (uint32_t)(*head >> 32);
    uint32_t steps = (uint32_t)rng_below(rng, MESSAGES + 1);
    switch (rng_below(rng, 6)) {
    case 0: /* consumers went past some; read says how far */
        append(what, what_size, "past %u:", steps);
        for (; steps > 0; steps--, count++) {
            uint64_t *at = prefix_at(image, ring, position);
            position += units_of(*at);
            *at = record(rng, (uint32_t)*at & LONGEST, cast);
            append(what, what_size, " %llx", (unsigned long long)*at);
        }
        *read = MARK(position, count);
        *detached = 1;
        *late = (uint32_t)rng_below(rng, 2);
        append(what, what_size, " ");
        break;
    case 1: /* one record along the way is something else */
        for (; steps > 1; steps--) {
            position += units_of(*prefix_at(image, ring, position));
        }
        prefix = interesting(rng, PREFIX, 8, *prefix_at(image, ring, position), cast, image->size);
        append(what, what_size, "at %u: %llx ", position, (unsigned long long)prefix);
        *prefix_at(image, ring, position) = prefix;
        *last_claim = rng_below(rng, 2) ? position : (uint32_t)rng_next(rng);
        break;
    case 2: /* a run of the same, up to the whole ring */
        prefix = record(rng, (uint32_t)rng_below(rng, 3) * 8, cast);
        steps = rng_below(rng, 2) ? UNITS : (uint32_t)rng_below(rng, UNITS);
        append(what, what_size, "%u from %u: %llx ", steps, position, (unsigned long long)prefix);
        for (uint32_t i = 0; i < steps; i++) {
            *prefix_at(image, ring, position + i) = prefix;
        }
        *tail = rng_below(rng, 2) ? MARK(position + steps, count + steps) : *tail;
        break;
    case 3: /* no terminators */
        append(what, what_size, "no zeros ");
        for (uint32_t i = 0; i < UNITS; i++) {
            uint64_t *at = prefix_at(image, ring, i);
            *at = *at ? *at : record(rng, (uint32_t)rng_below(rng, 200), cast);
        }
        break;
    case 4: /* one mark where another is, or near it */
        mark = word_at(image, ring->words + marks[rng_below(rng, marks_count)]);
        *mark = *word_at(image, ring->words + marks[rng_below(rng, marks_count)]) + rng_below(rng, 3) - 1;
        *detached = (uint32_t)rng_below(rng, 2);
        append(what, what_size, "mark %d=0x%llx detached=%u ", (int)((uint8_t *)mark - image->bytes),
               (unsigned long long)*mark, *detached);
        break;
    default:
        *late = (uint32_t)plain_value(rng, *late, image->size);
        *detached = (uint32_t)plain_value(rng, *detached, image->size);
        *last_claim = (uint32_t)interesting(rng, POSITION, 4, *last_claim, cast, image->size);
        append(what, what_size, "late=%u detached=%u claim=%u ", *late, *detached, *last_claim);
    }
}

void mutate(struct image *image, const struct subject *subject, bool header_too, struct rng *rng,
            const struct cast *cast, char *what, size_t what_size)
{
    uint64_t choice = rng_below(rng, 100);
    if (subject->rings_count > 0 && rng_below(rng, 3) == 0) {
        mutate_ring(image, &subject->rings[rng_below(rng, (uint64_t)subject->rings_count)], rng, cast, what, what_size);
    } else if (header_too && choice < 20) {
        set(image, pick(header, (int)(sizeof header / sizeof header[0]), rng), rng, cast, what, what_size);
    } else if (header_too && choice < 50 && subject->params_count) {
        set(image, pick(subject->params, subject->params_count, rng), rng, cast, what, what_size);
    } else if (header_too && choice < 55) {
        scribble(image, 0, rng, what, what_size);
    } else if (choice < 65 || (choice < 90 && !subject->hot_count)) {
        set(image, pick(common, (int)(sizeof common / sizeof common[0]), rng), rng, cast, what, what_size);
    } else if (choice < 90) {
        set(image, pick(subject->hot, subject->hot_count, rng), rng, cast, what, what_size);
    } else if (choice < 95) {
        struct field anywhere = { AT_HOT + 8 * (int)rng_below(rng, (image->size - AT_HOT) / 8), 8, NUMBER };
        set(image, &anywhere, rng, cast, what, what_size);
    } else {
        scribble(image, AT_HOT, rng, what, what_size);
    }
}

void mutate_registry(struct image *image, bool header_too, struct rng *rng, const struct cast *cast, char *what,
                     size_t what_size)
{
    static const int in_slot[][2] = { { 0, 8 }, { 8, 8 }, { 16, 4 }, { 24, 8 } }; /* generation, claim, pid, start */
    uint64_t choice = rng_below(rng, 100);
    /* Low slots are the ones in use. */
    int slot = AT_SLOTS + SLOT_LEN * (int)(rng_below(rng, 2) ? rng_below(rng, 8) : rng_below(rng, SLOTS));
    if (header_too && choice < 20) {
        set(image, pick(header, (int)(sizeof header / sizeof header[0]), rng), rng, cast, what, what_size);
    } else if (choice < 30) {
        struct field word = { rng_below(rng, 2) ? AT_JOINS : AT_SWEPT, 8, NUMBER };
        set(image, &word, rng, cast, what, what_size);
    } else if (choice < 80) {
        const int *place = in_slot[rng_below(rng, 4)];
        struct field word = { slot + place[0], place[1], NUMBER };
        set(image, &word, rng, cast, what, what_size);
    } else if (choice < 90) {
        append(what, what_size, "command of [%d]=random ", slot);
        for (int i = 32; i < SLOT_LEN; i++) {
            image->bytes[slot + i] = (uint8_t)(1 + rng_below(rng, 255));
        }
    } else {
        scribble(image, AT_SLOTS, rng, what, what_size);
    }
}
