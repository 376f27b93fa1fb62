#include "common/aws/profile.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/file.h"
#include "common/base/text.h"

namespace sluice::aws {
namespace {

constexpr size_t kMostBytes = 1U << 20;

std::string home_of(const Surroundings& s) {
  if (std::string home = s.env("HOME"); !home.empty()) return home;
  std::array<char, 4096> buf{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buf.data(), buf.size(), &found) == 0 && found != nullptr)
    return found->pw_dir;
  return {};
}

// [default], [profile NAME] or [NAME]; empty where the section is no profile.
std::string section_name(std::string_view line, bool config_file) {
  size_t close = line.find(']');
  if (close == line.npos) return {};
  auto inside = text::trim(line.substr(1, close - 1));
  if (config_file && inside != "default") {
    constexpr std::string_view prefix = "profile";
    if (!inside.starts_with(prefix) || inside.size() == prefix.size()) return {};
    auto rest = inside.substr(prefix.size());
    if (rest.front() != ' ' && rest.front() != '\t') return {};
    inside = text::trim(rest);
  }
  if (inside.size() >= 2 && (inside.front() == '"' || inside.front() == '\'') &&
      inside.back() == inside.front())
    inside = inside.substr(1, inside.size() - 2);
  return std::string(inside);
}

std::string_view without_comment(std::string_view value) {
  for (size_t i = 1; i < value.size(); ++i)
    if ((value[i] == '#' || value[i] == ';') && (value[i - 1] == ' ' || value[i - 1] == '\t'))
      return text::trim(value.substr(0, i));
  return value;
}

}  // namespace

void parse_profiles(std::string_view text, bool config_file, Profiles* out) {
  Profile* current = nullptr;
  for (const auto& raw : text::split(text, '\n')) {
    bool nested = !raw.empty() && (raw[0] == ' ' || raw[0] == '\t');
    auto line = text::trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      std::string name = section_name(line, config_file);
      current = name.empty() ? nullptr : &(*out)[name];
      continue;
    }
    size_t eq = line.find('=');
    // Indented lines belong to a key of their own kind (s3 =), none of which is read here.
    if (current == nullptr || eq == line.npos || nested) continue;
    (*current)[text::lower(text::trim(line.substr(0, eq)))] =
        without_comment(text::trim(line.substr(eq + 1)));
  }
}

ProfileFiles profile_files(const Surroundings& s) {
  ProfileFiles f{s.env("AWS_CONFIG_FILE"), s.env("AWS_SHARED_CREDENTIALS_FILE")};
  std::string home = home_of(s);
  if (f.config.empty() && !home.empty()) f.config = home + "/.aws/config";
  if (f.credentials.empty() && !home.empty()) f.credentials = home + "/.aws/credentials";
  return f;
}

Result<Profiles> load_profiles(const Surroundings& s) {
  Profiles out;
  ProfileFiles files = profile_files(s);
  // The credentials file second: its keys win.
  for (const auto& [path, is_config] :
       {std::pair{files.config, true}, std::pair{files.credentials, false}}) {
    struct stat st{};
    if (path.empty() || (stat(path.c_str(), &st) != 0 && (errno == ENOENT || errno == ENOTDIR)))
      continue;
    auto text = file::read(path, kMostBytes);
    if (!text) return std::unexpected(text.error());
    parse_profiles(*text, is_config, &out);
  }
  return out;
}

}  // namespace sluice::aws
