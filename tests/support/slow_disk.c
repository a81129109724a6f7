/* A slow disk, for a server that is started with LD_PRELOAD: while the file that SLOW_DISK names exists, every fsync and fdatasync takes
   500 ms longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_a_while(void)
{
    const char *mark = getenv("SLOW_DISK");
    struct timespec left = {0, 500000000};
    if (mark && access(mark, F_OK) == 0)
        while (nanosleep(&left, &left) != 0)
            ;
}

int fsync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_a_while();
    return real(fd);
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_a_while();
    return real(fd);
}
