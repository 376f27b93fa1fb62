/* A C11 program that emits: sluice.h as C sees it. Prints "CODE job ID: sentence", or the error.
 * With --self-test it needs no sluiced. */
#include <stdio.h>
#include <string.h>

#include "sluice/sluice.h"

static int failures;

static void expect(int good, const char* what) {
  if (good) return;
  ++failures;
  fprintf(stderr, "failed: %s\n", what);
}

static int self_test(void) {
  struct sluice_error err = {-1, "untouched"};
  struct sluice_handle* handle = (struct sluice_handle*)&err;
  expect(sluice_open("/nowhere/sock", 100, &handle, &err) == SLUICE_E_UNREACHABLE, "unreachable");
  expect(handle == NULL, "no handle");
  expect(err.code == SLUICE_E_UNREACHABLE, "code in the error");
  expect(strstr(err.message, "/nowhere/sock") != NULL, "the error names the socket");
  expect(sluice_open("/nowhere/sock", 100, &handle, NULL) == SLUICE_E_UNREACHABLE,
         "no error wanted");
  expect(sluice_open(NULL, 0, NULL, &err) == SLUICE_E_INVALID, "nowhere to put the handle");
  expect(sluice_emit(NULL, NULL, &err) == SLUICE_E_INVALID, "no type");
  expect(sluice_emit("user.x", "{broken", &err) == SLUICE_E_INVALID, "no JSON");
  expect(strstr(err.message, "no JSON") != NULL, "the error says so");
  expect(sluice_send(NULL, "user.x", NULL, NULL, &err) == SLUICE_E_INVALID, "no handle given");
  sluice_close(NULL);
  expect(sluice_version()[0] != '\0', "version");
  for (int code = SLUICE_OK; code <= SLUICE_E_MEMORY; ++code)
    for (int other = SLUICE_OK; other < code; ++other)
      expect(strcmp(sluice_strerror(code), sluice_strerror(other)) != 0,
             "a sentence for each code");
  expect(sluice_strerror(-5)[0] != '\0', "a sentence for unknown codes");
  return failures == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--self-test") == 0) return self_test();
  if (argc != 3) return 2;
  struct sluice_error err;
  struct sluice_handle* handle = NULL;
  struct sluice_receipt receipt;
  int code = sluice_open(NULL, 0, &handle, &err);
  if (code == SLUICE_OK) code = sluice_send(handle, argv[1], argv[2], &receipt, &err);
  if (code == SLUICE_OK)
    printf("%d job %u: %s\n", code, (unsigned)receipt.job_id, sluice_strerror(code));
  else
    printf("%d %s\n", code, err.message);
  sluice_close(handle);
  return code;
}
