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

uint64_t interesting(struct rng *rng, enum meaning meaning, int width, uint64_t old, const struct cast *cast,
                     size_t size)
{
    uint64_t value = plain_value(rng, old, size);
    if (meaning == OWNER && rng_below(rng, 4)) {
        value = owner_value(rng, cast);
    } else if (meaning == POSITION && rng_below(rng, 4)) {
        /* A position and a count, either near what it was, or near the capacity away from it. */
        uint32_t units = (uint32_t)((size - PAGE) / 8), step = (uint32_t)rng_below(rng, 5) - 2;
        uint32_t position = (uint32_t)old, number = (uint32_t)(old >> 32);
        position += (uint32_t[]){ step, units + step, 0 - units + step, (uint32_t)rng_next(rng) }[rng_below(rng, 4)];
        number += (uint32_t[]){ 0, step, (uint32_t)rng_next(rng) }[rng_below(rng, 3)];
        value = MARK(position, number);
    } else if (meaning == PREFIX && rng_below(rng, 4)) {
        /* A length with a good mark most of the time. */
        uint32_t length = (uint32_t)plain_value(rng, (uint32_t)old, size);
        value = RECORD(length, rng_below(rng, 4) ? COMPLETE : (uint32_t)rng_next(rng));
    }
    return width == 8 ? value : value & ((UINT64_C(1) << (8 * width)) - 1);
}

static void set(struct image *image, const struct field *field, struct rng *rng, const struct cast *cast, char *what,
                size_t what_size)
{
    uint64_t old = 0, value;
    memcpy(&old, image->bytes + field->at, (size_t)field->width);
    value = interesting(rng, field->meaning, field->width, old, cast, image->size);
    memcpy(image->bytes + field->at, &value, (size_t)field->width);
    append(what, what_size, "[%d]:u%d=0x%llx ", field->at, 8 * field->width, (unsigned long long)value);
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

void mutate(struct image *image, const struct subject *subject, bool header_too, struct rng *rng,
            const struct cast *cast, char *what, size_t what_size)
{
    uint64_t choice = rng_below(rng, 100);
    if (header_too && choice < 20) {
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
