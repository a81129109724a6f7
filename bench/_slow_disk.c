/* A disk that takes longer to commit: every fdatasync (and fsync) of a file of PostgreSQL's WAL returns so much later.

   Preloaded into the postmaster, which its backends inherit. The backend sleeps where it would wait for the disk, holding what it holds
   then (WALWriteLock), so others queue up behind it and share the next wait, as on a real slow disk. Bandwidth is not made smaller, and data
   files are not slower. The file that SLOW_DISK names holds the microseconds; it is read each time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long delay_us(int fd) {
    char link[64], path[4096], text[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, "/pg_wal/")) return 0;
    const char *name = getenv("SLOW_DISK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    return atol(text);
}

static void wait_for_disk(int fd) {
    long us = delay_us(fd);
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (us > 0 && nanosleep(&left, &left) != 0) {}
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    wait_for_disk(fd);
    return real(fd);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    wait_for_disk(fd);
    return real(fd);
}
