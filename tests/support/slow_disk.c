/* A disk that takes longer to commit, for a server that is started with LD_PRELOAD: fsync and fdatasync return so much later as the file that
   SLOW_DISK names says, in microseconds. It is read each time; an absent file delays nothing. Where SLOW_DISK_ONLY is set, only files whose
   path holds that text are slow, such as /pg_wal/.

   A backend sleeps where it would wait for the disk, holding what it holds then (WALWriteLock), so others queue up behind it and share the
   next wait, as on a real slow disk. Bandwidth is not made smaller. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int is_slow(int fd) {
    const char *only = getenv("SLOW_DISK_ONLY");
    char link[64], path[4096];
    if (!only) return 1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, only) != NULL;
}

static long delay_us(void) {
    char text[32];
    const char *name = getenv("SLOW_DISK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    return atol(text);
}

static void wait_for_disk(int fd) {
    long us = is_slow(fd) ? delay_us() : 0;
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
