/* sluice.h: a program that runs inside a Slurm job tells the world something (sluice_emit(3)).
 *
 *     #include <sluice/sluice.h>                              cc prog.c -lsluice
 *
 *     struct sluice_error err;
 *     if (sluice_emit("user.progress", "{\"step\": 12, \"of\": 40}", &err) != SLUICE_OK)
 *       fprintf(stderr, "progress not told: %s\n", err.message);
 *
 * The event goes to the sluiced of this host, which learns from the kernel who calls and which job
 * the caller is in, and from there to every sink that the job or the administrator chose. A call
 * returns SLUICE_OK once the event is in the controller's journal: it is then delivered at least
 * once, whatever fails.
 *
 * C11 and C++. Nothing here throws, exits, prints, starts a thread, installs a signal handler or
 * keeps a descriptor open after the call (a handle keeps one, close-on-exec). A call
 * returns within the time given, whatever signals the caller takes meanwhile.
 *
 * Ownership: strings passed in are only read during the call. Structures are the caller's and may
 * be on its stack. A handle is the library's, made by sluice_open and ended by sluice_close.
 * Threads: every function may be called from any thread at any time; one handle, by one thread at a
 * time. After fork() the child opens a handle of its own. A thread that is cancelled in the middle
 * of a call (pthread_cancel) ends after it: the call itself is no cancellation point.
 *
 * Values of the enum and the layout of structures stay as they are while SLUICE_API_VERSION is 1.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include <stdint.h>

#define SLUICE_API_VERSION 1

#ifdef __GNUC__
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a call returns. sluice_strerror has a sentence for each. */
enum sluice_code {
  SLUICE_OK = 0,
  SLUICE_E_INVALID = 1,     /* a bad argument: no type, no JSON, too long; nothing was sent */
  SLUICE_E_UNREACHABLE = 2, /* no sluiced serves the socket; nothing was sent */
  SLUICE_E_REFUSED = 3,     /* sluiced said no: not in a job, quota, type, size */
  SLUICE_E_KEPT = 4,        /* kept on this node; it reaches the controller once that answers */
  SLUICE_E_TIMEOUT = 5,     /* no answer in time: the event may have been taken */
  SLUICE_E_LOST = 6,        /* the connection ended before the answer: it may have been taken */
  SLUICE_E_PROTOCOL = 7,    /* what answered is no sluiced that this library understands */
  SLUICE_E_MEMORY = 8       /* out of memory */
};

struct sluice_error {
  int code;          /* enum sluice_code */
  char message[508]; /* what was tried, on what, why not; UTF-8, one line, ends with a NUL */
};

/* Where an event went. */
struct sluice_receipt {
  uint32_t job_id; /* the job that the caller is in */
  char record[60]; /* sluiced's name for what it took, in its log; ends with a NUL */
};

struct sluice_handle; /* a connection to sluiced */

/* Emits one event. `type` is "user.NAME", NAME of a-z 0-9 _ . -, at most 64 characters in all.
 * `json_data` is one JSON value, or NULL for none; it arrives as the event's data.value. The socket
 * is $SLUICE_SOCKET, else /run/sluice/sluice.sock. Returns an enum sluice_code and, where it is not
 * SLUICE_OK and `err` is not NULL, says why there. Blocks 20 s at most. */
SLUICE_API int sluice_emit(const char* type, const char* json_data, struct sluice_error* err);

/* A handle, for many events over one connection. `socket_path` NULL: as above. `timeout_ms` bounds
 * the opening and each call, 0: 20 s. `*out` is set to NULL on failure. */
SLUICE_API int sluice_open(const char* socket_path, int timeout_ms, struct sluice_handle** out,
                           struct sluice_error* err);
/* As sluice_emit. Connects again by itself if sluiced was restarted in between. `receipt` may be
 * NULL; it is filled in for SLUICE_OK and SLUICE_E_KEPT. */
SLUICE_API int sluice_send(struct sluice_handle* handle, const char* type, const char* json_data,
                           struct sluice_receipt* receipt, struct sluice_error* err);
/* NULL is allowed. */
SLUICE_API void sluice_close(struct sluice_handle* handle);

/* A sentence for the code; static, never NULL, for unknown codes too. */
SLUICE_API const char* sluice_strerror(int code);
/* The library's version, such as "0.1.0"; static. */
SLUICE_API const char* sluice_version(void);

#ifdef __cplusplus
}
#endif

#endif
