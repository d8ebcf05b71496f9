/* System calls whose first arguments say what the others are. */
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fb.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/kd.h>
#include <linux/keyctl.h>
#include <linux/rtc.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/usbdevice_fs.h>
#include <netinet/in.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>

#include "calls.h"
#include "layout.h"

/* -- ioctl --------------------------------------------------------------------------------------------------------- */

static const struct {
    u32 number; /* 0: as the host's, with the size of the guest's structure if `sized` */
    u32 host;
    u8 use;
    bool sized;
    const char *layout;
} ioctls[] = {
#define SAME(command, use, layout) {0, (u32)(command), use, false, layout},
#define SIZED(command, use, layout) {0, (u32)(command), use, true, layout},
#define MOVED(number, command, use, layout) {(u32)(number), (u32)(command), use, false, layout},
#include "ioctls.def"
#undef SAME
#undef SIZED
#undef MOVED
};

static u32 guests_number(size_t i)
{
    u32 host = ioctls[i].host;
    if (ioctls[i].number)
        return ioctls[i].number;
    return ioctls[i].sized
               ? (u32)_IOC(_IOC_DIR(host), _IOC_TYPE(host), _IOC_NR(host), words_narrow_size(ioctls[i].layout))
               : host;
}

#define IFREQ "8i8x"

/* As many as the call has filled. */
static i64 interfaces_back(Task *t, const Filled *f, i64 result)
{
    const struct ifconf *wide = f->host;
    u32 narrow[2]; /* bytes, address */
    u8 one[32];
    if (mem_read(narrow, f->guest, sizeof narrow))
        return -EFAULT;
    u32 n = (u32)wide->ifc_len / sizeof(struct ifreq);
    for (u32 i = 0; i < n && narrow[1]; i++) {
        words_narrow(one, wide->ifc_req + i, IFREQ);
        if (mem_write(narrow[1] + i * sizeof one, one, sizeof one))
            return -EFAULT;
    }
    narrow[0] = n * (u32)sizeof one;
    return mem_write(f->guest, narrow, sizeof narrow);
}

static i64 interfaces(Conversion *c, u64 *arg)
{
    u32 narrow[2];
    u64 guest = *arg;
    struct ifconf *wide = arm_room(c, sizeof *wide);
    if (!wide || mem_read(narrow, guest, sizeof narrow))
        return -EFAULT;
    u32 n = narrow[0] / (u32)words_narrow_size(IFREQ);
    *wide = (struct ifconf){.ifc_len = (int)(n * sizeof(struct ifreq))};
    if (narrow[1] && !(wide->ifc_req = arm_room(c, n * sizeof(struct ifreq) + 1)))
        return -ENOMEM;
    Filled *f = arm_filled(c, guest, wide);
    if (!f)
        return -ENOMEM;
    f->back = interfaces_back;
    *arg = (u64)wide;
    return 0;
}

static i64 command_ioctl(Task *t, u64 args[6], Conversion *c)
{
    if ((u32)args[1] == SIOCGIFCONF)
        return interfaces(c, &args[2]);
    for (size_t i = 0; i < LEN(ioctls); i++)
        if (guests_number(i) == (u32)args[1]) {
            args[1] = ioctls[i].host;
            return ioctls[i].use ? arm_words(c, &args[2], ioctls[i].layout, 1, ioctls[i].use) : 0;
        }
    return 0;
}

/* -- files --------------------------------------------------------------------------------------------------------- */

/* Locks by the old structure; flock64 is as the host's, under numbers of its own. */
static i64 command_fcntl(Task *t, u64 args[6], Conversion *c)
{
    enum { GETLK64 = 12, SETLKW64 = 14 };
    switch (args[1]) {
    case GETLK64 ... SETLKW64:
        args[1] -= GETLK64 - F_GETLK;
        return 0;
    case F_GETLK:
        return arm_words(c, &args[2], "2h2oi", 1, USE_BOTH);
    case F_SETLK:
    case F_SETLKW:
        return arm_words(c, &args[2], "2h2li", 1, USE_IN);
    default:
        return 0;
    }
}

/* -- processes ----------------------------------------------------------------------------------------------------- */

#define SOCK_FPROG "hp"

static i64 command_prctl(Task *t, u64 args[6], Conversion *c)
{
    switch ((int)args[0]) {
    case PR_GET_TID_ADDRESS:
        return arm_words(c, &args[1], "p", 1, USE_OUT);
    case PR_SET_SECCOMP:
        return args[1] == SECCOMP_MODE_FILTER ? arm_words(c, &args[2], SOCK_FPROG, 1, USE_IN) : 0;
    default:
        return 0;
    }
}

static i64 command_seccomp(Task *t, u64 args[6], Conversion *c)
{
    return args[0] == SECCOMP_SET_MODE_FILTER ? arm_words(c, &args[2], SOCK_FPROG, 1, USE_IN) : 0;
}

static i64 command_keyctl(Task *t, u64 args[6], Conversion *c)
{
    enum { MOST = 1024 };
    if (args[0] != KEYCTL_INSTANTIATE_IOV || !args[2])
        return 0;
    return args[3] > MOST ? -EINVAL : arm_words(c, &args[2], "2p", args[3], USE_IN);
}

/* -- sockets ------------------------------------------------------------------------------------------------------- */

/* An option's structure; NULL for one that is the same. */
static const char *option_layout(u64 level, u64 option)
{
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO_OLD || option == SO_SNDTIMEO_OLD))
        return "2l";
    if (level == SOL_SOCKET && (option == SO_ATTACH_FILTER || option == SO_ATTACH_REUSEPORT_CBPF))
        return SOCK_FPROG;
    if (level != IPPROTO_IP && level != IPPROTO_IPV6)
        return NULL;
    if (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP)
        return "i4x32i";
    if (option >= MCAST_BLOCK_SOURCE && option <= MCAST_LEAVE_SOURCE_GROUP)
        return "i4x64i";
    return NULL;
}

static i64 command_setsockopt(Task *t, u64 args[6], Conversion *c)
{
    const char *layout = option_layout(args[1], args[2]);
    if (!layout || (u32)args[4] < words_narrow_size(layout))
        return 0;
    args[4] = words_wide_size(layout);
    return arm_words(c, &args[3], layout, 1, USE_IN);
}

/* The option as far as there is room, and its size. */
typedef struct Option {
    u8 wide[512];
    u32 size, room;
    u64 size_at;
} Option;

static i64 option_back(Task *t, const Filled *f, i64 result)
{
    const Option *o = f->host;
    u8 narrow[sizeof o->wide];
    u32 size = (u32)words_narrow_size(f->layout);
    words_narrow(narrow, o->wide, f->layout);
    size = size < o->room ? size : o->room;
    return mem_write(f->guest, narrow, size) || mem_write(o->size_at, &size, sizeof size) ? -EFAULT : 0;
}

static i64 command_getsockopt(Task *t, u64 args[6], Conversion *c)
{
    const char *layout = option_layout(args[1], args[2]);
    Option *o = layout ? arm_room(c, sizeof *o) : NULL;
    Filled *f = o ? arm_filled(c, args[3], o) : NULL;
    if (!f)
        return layout ? -ENOMEM : 0;
    *o = (Option){.size = (u32)words_wide_size(layout), .size_at = args[4]};
    if (mem_read(&o->room, args[4], sizeof o->room))
        return -EFAULT;
    f->layout = layout;
    f->back = option_back;
    args[3] = (u64)o->wide;
    args[4] = (u64)&o->size;
    return 0;
}

/* -- System V's IPC ------------------------------------------------------------------------------------------------ */

/* In the command: that the structures are the newer ones, which all C libraries say; the host has no others. */
enum { IPC_64 = 0x100 };

#define IPC_PERM "6i2h2l"

/* A structure by one of the layouts of asm-generic/msgbuf.h and shmbuf.h; `stat` and `any` are commands that fill it
 * besides IPC_STAT. */
static i64 control(u64 args[6], Conversion *c, const char *layout, int stat, int any)
{
    int command = (int)args[1];
    if (command == IPC_SET)
        return arm_words(c, &args[2], layout, 1, USE_IN);
    return command == IPC_STAT || command == stat || command == any ? arm_words(c, &args[2], layout, 1, USE_OUT) : 0;
}

static i64 command_msgctl(Task *t, u64 args[6], Conversion *c)
{
    args[1] &= ~(u64)IPC_64;
    return control(args, c, IPC_PERM "6i3p2i2l", MSG_STAT, MSG_STAT_ANY);
}

static i64 command_shmctl(Task *t, u64 args[6], Conversion *c)
{
    args[1] &= ~(u64)IPC_64;
    switch ((int)args[1]) {
    case IPC_INFO:
        return arm_words(c, &args[2], "9p", 1, USE_OUT);
    case SHM_INFO:
        return arm_words(c, &args[2], "i5p", 1, USE_OUT);
    default:
        return control(args, c, IPC_PERM "p6i2i3p", SHM_STAT, SHM_STAT_ANY);
    }
}

/* The handler converts the structure, which isn't x86's on any guest. */
static i64 command_semctl(Task *t, u64 args[6], Conversion *c)
{
    args[2] &= ~(u64)IPC_64;
    return 0;
}

i64 arm_command(Task *t, u32 number, u64 args[6], Conversion *c)
{
    static const struct {
        u32 number;
        i64 (*convert)(Task *t, u64 args[6], Conversion *c);
    } calls[] = {
        {54, command_ioctl},       {55, command_fcntl},       {172, command_prctl},   {221, command_fcntl},
        {294, command_setsockopt}, {295, command_getsockopt}, {300, command_semctl},  {304, command_msgctl},
        {308, command_shmctl},     {311, command_keyctl},     {383, command_seccomp},
    };
    for (size_t i = 0; i < LEN(calls); i++)
        if (calls[i].number == number)
            return calls[i].convert(t, args, c);
    return 0;
}
