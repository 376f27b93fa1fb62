/* power.h: Slurm's power saving on machines that exist only while work needs them
 * (libsluice_power.so).
 *
 * The programs that slurm.conf names, resume, suspend, change_state and generate_conf, are this
 * library behind a command line; who has a daemon of their own may call it instead.
 *
 *     struct sluice_power* power;
 *     struct sluice_power_error err;
 *     if (sluice_power_open("/etc/sluice/power", &power, &err) != SLUICE_POWER_OK) …
 *     sluice_power_resume(power, "cloud-node-[0-3]", NULL, print_node, stdout, &err);
 *     sluice_power_close(power);
 *
 * C11 and C++. Nothing here throws, exits or installs a signal handler; warnings go to standard
 * error. libslurm, once it is asked, reads slurm.conf as $SLURM_CONF names it, and ends the process
 * where that cannot be used.
 *
 * Ownership: strings passed in are read during the call alone; those of a report are the library's
 * and end with it; those that sluice_power_generate_conf gives are the caller's, ended by
 * sluice_power_free. Threads: calls on one handle one at a time; several handles, of several
 * processes too, may be at work on the same nodes: the record in StateDirectory keeps them apart.
 * Errors: every function returns an enum sluice_power_code, and says in `err`, where that is not
 * NULL, what was tried, on what, and why it failed.
 *
 * Values of the enums and the layout of structures stay as they are while SLUICE_POWER_API_VERSION
 * is 1.
 */
#ifndef SLUICE_POWER_H
#define SLUICE_POWER_H

#define SLUICE_POWER_API_VERSION 1

#ifdef __GNUC__
#define SLUICE_POWER_API __attribute__((visibility("default")))
#else
#define SLUICE_POWER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum sluice_power_code {
  SLUICE_POWER_OK = 0,
  SLUICE_POWER_E_INVALID = 1, /* a bad argument, such as no list of nodes; nothing was done */
  SLUICE_POWER_E_CONFIG = 2,  /* the configuration cannot be used; nothing was done */
  SLUICE_POWER_E_RECORD = 3,  /* the record in StateDirectory cannot be read or written */
  SLUICE_POWER_E_SLURM = 4,   /* slurmctld does not answer, or the record could not be written
                                 meanwhile; what was begun, the next call goes on with */
  SLUICE_POWER_E_NODES = 5,   /* done, but for some nodes: their reports say why */
  SLUICE_POWER_E_MEMORY = 6,
  SLUICE_POWER_E_INTERNAL = 7 /* a fault of this library */
};

struct sluice_power_error {
  int code;           /* enum sluice_power_code */
  char message[1020]; /* UTF-8, one line, ends with a NUL */
};

/* What became of a node. */
enum sluice_power_fate {
  SLUICE_POWER_LAUNCHED = 0, /* resume: slurmctld knows its machine's address */
  SLUICE_POWER_ALREADY = 1,  /* resume: it is being launched, or was a moment ago */
  SLUICE_POWER_FAILED = 2,   /* resume: it cannot come; slurmctld was told, with the reason */
  SLUICE_POWER_LEFT = 3,     /* resume: launched, but not told yet: reconciling goes on with it */
  SLUICE_POWER_FOREIGN = 4,  /* no node group has it, or slurmctld does not know it */
  SLUICE_POWER_ENDED = 5,    /* suspend: its machine ends */
  SLUICE_POWER_NONE = 6,     /* suspend: it had no machine */
  SLUICE_POWER_MENDED = 7,   /* reconcile: something was wrong; `why` says what was done */
  SLUICE_POWER_PLANNED = 8   /* plan: it would be launched, or ended */
};

struct sluice_power_node {
  const char* node;
  int fate;            /* enum sluice_power_fate */
  const char* machine; /* the provider's id, such as i-0123456789abcdef0, or "" */
  const char* address; /* or "" */
  const char* why;     /* one line where something is to be said, or "" */
};
typedef void (*sluice_power_report)(void* context, const struct sluice_power_node* node);

/* One finding about the configuration. `warning`: it works, but is probably not what was meant. */
typedef void (*sluice_power_finding)(void* context, int warning, const char* text);

struct sluice_power; /* a configuration that was read, and its record */

/* `path`: a folder with config.json and partitions.json, or a file with a "power" object such as
 * /etc/sluice/sluice.json. `*out` is set to NULL on failure. Does not touch the network; the record
 * is opened by the first call that needs it. */
SLUICE_POWER_API int sluice_power_open(const char* path, struct sluice_power** out,
                                       struct sluice_power_error* err);
/* NULL is allowed. */
SLUICE_POWER_API void sluice_power_close(struct sluice_power* power);

/* LogFileName, or "", and StateDirectory; the handle's. */
SLUICE_POWER_API const char* sluice_power_log_file(const struct sluice_power* power);
SLUICE_POWER_API const char* sluice_power_state(const struct sluice_power* power);

/* Launches a machine for each node of the host list, and tells slurmctld their addresses.
 * `resume_file`: the content of SLURM_RESUME_FILE, or NULL. Blocks on the provider and slurmctld,
 * some minutes at most. Each node is reported once; `report` may be NULL. */
SLUICE_POWER_API int sluice_power_resume(struct sluice_power* power, const char* nodes,
                                         const char* resume_file, sluice_power_report report,
                                         void* context, struct sluice_power_error* err);

/* Ends the machines of the nodes. */
SLUICE_POWER_API int sluice_power_suspend(struct sluice_power* power, const char* nodes,
                                          sluice_power_report report, void* context,
                                          struct sluice_power_error* err);

/* What resume and suspend would do with the nodes, and whether the provider would let them (EC2:
 * DryRun). Nothing is launched, ended, recorded or told. */
SLUICE_POWER_API int sluice_power_plan_resume(struct sluice_power* power, const char* nodes,
                                              sluice_power_report report, void* context,
                                              struct sluice_power_error* err);
SLUICE_POWER_API int sluice_power_plan_suspend(struct sluice_power* power, const char* nodes,
                                               sluice_power_report report, void* context,
                                               struct sluice_power_error* err);

/* Sets right what is stuck, left over or half done, on the machines' side and on slurmctld's. To be
 * called about once a minute, as sluiced does, or cron with change_state. Reports what it touched.
 */
SLUICE_POWER_API int sluice_power_reconcile(struct sluice_power* power, sluice_power_report report,
                                            void* context, struct sluice_power_error* err);

/* What belongs into slurm.conf and gres.conf, each ended by sluice_power_free. */
SLUICE_POWER_API int sluice_power_generate_conf(struct sluice_power* power, char** slurm_conf,
                                                char** gres_conf, struct sluice_power_error* err);
SLUICE_POWER_API void sluice_power_free(char* text);

/* Reads the configuration and reports all that is found in it; SLUICE_POWER_E_CONFIG if one of that
 * is an error. Does not touch the network. */
SLUICE_POWER_API int sluice_power_check(const char* path, sluice_power_finding finding,
                                        void* context, struct sluice_power_error* err);

/* The library's version, such as "0.1.0"; static. */
SLUICE_POWER_API const char* sluice_power_version(void);

#ifdef __cplusplus
}
#endif

#endif
