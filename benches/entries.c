/* The keys of the entries, shuffled in the same way every time. */
#include <stdio.h>

#include "entries.h"

struct entry_key entry_keys[ENTRIES];

void entry_keys_init(void)
{
    uint64_t random = 88172645463325252u; /* xorshift; any seed but 0 */

    if (entry_keys[0].text[0])
        return;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        snprintf(entry_keys[i].text, sizeof entry_keys[i].text, "key:%06u", (unsigned)i);
        entry_keys[i].number = i;
    }
    for (uint32_t i = ENTRIES - 1; i > 0; i--) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const uint32_t other = (uint32_t)(random % (i + 1));
        const struct entry_key key = entry_keys[i];
        entry_keys[i] = entry_keys[other];
        entry_keys[other] = key;
    }
}
