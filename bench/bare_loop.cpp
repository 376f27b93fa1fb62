// The peer of drain: a bare libcurl multi loop that posts captured requests, byte for byte, on a
// given number of connections.
//
//   bare_loop URL CAPTURE CONNECTIONS [COUNT]
//
// CAPTURE holds requests as sinkhole --capture keeps them: two uint32 (size of the headers with
// their last blank line, size of the body), headers, body. Prints posted requests and seconds.
#include <curl/curl.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Captured {
  std::string_view headers;
  std::string_view body;
};

std::vector<Captured> read_capture(const char* path) {
  std::vector<Captured> out;
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat st{};
  if (fd < 0 || ::fstat(fd, &st) != 0 || st.st_size == 0) return out;
  auto size = static_cast<size_t>(st.st_size);
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  ::close(fd);
  if (at == MAP_FAILED) return out;
  std::string_view rest(static_cast<const char*>(at), size);
  while (rest.size() >= 8) {
    uint32_t sizes[2];
    memcpy(sizes, rest.data(), sizeof sizes);
    rest.remove_prefix(8);
    if (rest.size() < size_t{sizes[0]} + sizes[1]) break;
    out.push_back({rest.substr(0, sizes[0]), rest.substr(sizes[0], sizes[1])});
    rest.remove_prefix(size_t{sizes[0]} + sizes[1]);
  }
  return out;
}

bool is(std::string_view line, const char* name) {
  return strncasecmp(line.data(), name, strlen(name)) == 0;
}

// Every header but those that libcurl makes by itself, for they would be there twice.
curl_slist* headers_of(const Captured& c) {
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  std::string_view rest = c.headers.substr(c.headers.find("\r\n") + 2);
  std::string line;
  while (!rest.starts_with("\r\n")) {
    size_t end = rest.find("\r\n");
    auto text = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (is(text, "host:") || is(text, "content-length:")) continue;
    line = text;
    list = curl_slist_append(list, line.c_str());
  }
  return list;
}

size_t discard(char*, size_t size, size_t n, void*) {
  return size * n;
}

struct Slot {
  CURL* easy = nullptr;
  curl_slist* list = nullptr;
};

void post(CURLM* multi, Slot* slot, const Captured& c) {
  curl_slist* list = headers_of(c);
  curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, list);
  curl_slist_free_all(slot->list);
  slot->list = list;
  curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, c.body.data());
  curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(c.body.size()));
  curl_multi_add_handle(multi, slot->easy);
}

double seconds() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "bare_loop URL CAPTURE CONNECTIONS [COUNT]\n");
    return 2;
  }
  auto captured = read_capture(argv[2]);
  size_t count = argc > 4 ? strtoul(argv[4], nullptr, 10) : captured.size();
  if (captured.empty()) {
    fprintf(stderr, "bare_loop: %s holds no requests\n", argv[2]);
    return 1;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = curl_multi_init();
  std::vector<Slot> slots(strtoul(argv[3], nullptr, 10));
  size_t next = 0;
  size_t done = 0;
  size_t bad = 0;
  for (auto& slot : slots) {
    slot.easy = curl_easy_init();
    curl_easy_setopt(slot.easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(slot.easy, CURLOPT_POST, 1L);
    curl_easy_setopt(slot.easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(slot.easy, CURLOPT_PROXY, "");
    curl_easy_setopt(slot.easy, CURLOPT_WRITEFUNCTION, &discard);
    curl_easy_setopt(slot.easy, CURLOPT_PRIVATE, &slot);
  }
  double begin = seconds();
  for (auto& slot : slots)
    if (next < count) post(multi, &slot, captured[next++ % captured.size()]);
  while (done < count) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    bool any = false;
    while (CURLMsg* m = curl_multi_info_read(multi, &left)) {
      if (m->msg != CURLMSG_DONE) continue;
      CURL* easy = m->easy_handle;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      if (m->data.result != CURLE_OK || status / 100 != 2) ++bad;
      Slot* slot = nullptr;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
      curl_multi_remove_handle(multi, easy);
      ++done;
      any = true;
      if (next < count) post(multi, slot, captured[next++ % captured.size()]);
    }
    if (!any) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  double took = seconds() - begin;
  printf("{\"requests\":%zu,\"bad\":%zu,\"seconds\":%.6f}\n", done, bad, took);
  return bad == 0 ? 0 : 1;
}
