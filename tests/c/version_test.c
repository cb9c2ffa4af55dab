/*
 * The header and the library that is loaded belong together.
 *
 * argv[1] is the version that the package says it has.
 */
#include "check.h"

#include <dlfcn.h>
#include <link.h>

static const char *package_version;

/* The loaded library's DT_SONAME. */
static const char *soname(void) {
    void *self = dlopen(NULL, RTLD_NOW);
    struct link_map *map = NULL;
    const char *found = NULL;
    if (self == NULL || dlinfo(self, RTLD_DI_LINKMAP, &map) != 0) {
        return NULL;
    }
    for (; map != NULL && found == NULL; map = map->l_next) {
        const ElfW(Dyn) *entry;
        const char *strings = NULL;
        if (strstr(map->l_name, "libmproc") == NULL) {
            continue;
        }
        for (entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_STRTAB) {
                /* glibc has relocated this address already, musl has not */
                ElfW(Addr) address = entry->d_un.d_ptr;
                strings = (const char *)(address < map->l_addr ? map->l_addr + address : address);
            }
        }
        for (entry = map->l_ld; strings != NULL && entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_SONAME) {
                found = strings + entry->d_un.d_val;
            }
        }
    }
    dlclose(self);
    return found;
}

static void all(void) {
    char expected[32];
    const char *seen = soname();
    int major = -1, minor = -1, patch = -1;

    CHECK_INT(MPROC_ABI_VERSION, mproc_abi_version());
    CHECK_INT(MPROC_LAYOUT_VERSION, mproc_layout_version());
    CHECK_INT(3, sscanf(mproc_version(), "%d.%d.%d", &major, &minor, &patch));
    CHECK(major >= 0 && minor >= 0 && patch >= 0);
    if (package_version != NULL) {
        CHECK(strcmp(package_version, mproc_version()) == 0);
    }
    snprintf(expected, sizeof expected, "libmproc.so.%d", MPROC_ABI_VERSION);
    CHECK(seen != NULL && strcmp(seen, expected) == 0);
}

int main(int argc, char **argv) {
    package_version = argc > 1 ? argv[1] : NULL;
    return check_main("version_test", all);
}
