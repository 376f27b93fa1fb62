// Event patterns: every comparison, on what it matches and what not. After Amazon EventBridge's
// "Comparison operators for use in event patterns".
#include <gtest/gtest.h>

#include "common/pattern/comparison.h"
#include "common/pattern/pattern.h"

namespace sluice::pattern {
namespace {

Json json(const std::string& text) {
  auto v = Json::parse(text);
  EXPECT_TRUE(v.has_value()) << text;
  return v ? *v : Json();
}

const char* kEvent = R"({
  "type": "slurm.job.end", "source": "/slurm/c1", "n": 5, "f": 0.5, "yes": true, "none": null,
  "ip": "10.0.1.7", "tags": ["a", "b"],
  "data": {"job": {"job_state": ["FAILED", "COMPLETING"], "user_name": "Alice", "cpus": 8}},
  "list": [{"k": "x", "v": 1}, {"k": "y", "v": 2}]
})";

struct Case {
  const char* pattern;
  bool matches;
};

class Patterns : public ::testing::TestWithParam<Case> {};

TEST_P(Patterns, Match) {
  config::Problems problems;
  Pattern p = Pattern::compile(json(GetParam().pattern), "pattern", &problems);
  for (const auto& problem : problems) ADD_FAILURE() << problem.text();
  EXPECT_EQ(p.matches(json(kEvent)), GetParam().matches) << GetParam().pattern;
}

INSTANTIATE_TEST_SUITE_P(Values, Patterns,
                         ::testing::ValuesIn(std::vector<Case>{
                             {R"({"type": ["slurm.job.end"]})", true},
                             {R"({"type": ["slurm.job.start", "slurm.job.end"]})", true},
                             {R"({"type": ["slurm.job"]})", false},
                             {R"({"type": ["slurm.job.end"], "source": ["/slurm/c2"]})", false},
                             {R"({"n": [5]})", true},
                             {R"({"n": [5.0]})", true},
                             {R"({"n": ["5"]})", false},
                             {R"({"yes": [true]})", true},
                             {R"({"yes": [false]})", false},
                             {R"({"none": [null]})", true},
                             {R"({"n": [null]})", false},
                             {R"({"absent": [null]})", false},
                             {R"({"tags": ["b"]})", true},
                             {R"({"tags": ["c"]})", false},
                             {R"({"data": {"job": {"job_state": ["FAILED"]}}})", true},
                             {R"({"data": {"job": {"job_state": ["COMPLETED"]}}})", false},
                             {R"({"data": {"step": {"x": [1]}}})", false},
                             {R"({"list": {"k": ["y"], "v": [2]}})", true},
                             {R"({"list": {"k": ["y"], "v": [1]}})", false},
                         }));

INSTANTIATE_TEST_SUITE_P(
    Comparisons, Patterns,
    ::testing::ValuesIn(std::vector<Case>{
        {R"({"type": [{"prefix": "slurm."}]})", true},
        {R"({"type": [{"prefix": "job"}]})", false},
        {R"({"n": [{"prefix": "5"}]})", false},
        {R"({"type": [{"prefix": {"equals-ignore-case": "SLURM"}}]})", true},
        {R"({"type": [{"suffix": ".end"}]})", true},
        {R"({"type": [{"suffix": ".start"}]})", false},
        {R"({"type": [{"suffix": {"equals-ignore-case": ".END"}}]})", true},
        {R"({"data": {"job": {"user_name": [{"equals-ignore-case": "aLICE"}]}}})", true},
        {R"({"data": {"job": {"user_name": [{"equals-ignore-case": "alic"}]}}})", false},
        {R"({"type": [{"wildcard": "slurm.*.end"}]})", true},
        {R"({"type": [{"wildcard": "*.start"}]})", false},
        {R"({"n": [{"numeric": [">", 4, "<=", 5]}]})", true},
        {R"({"n": [{"numeric": ["<", 5]}]})", false},
        {R"({"f": [{"numeric": ["=", 0.5]}]})", true},
        {R"({"type": [{"numeric": [">=", 0]}]})", false},
        {R"({"n": [{"exists": true}]})", true},
        {R"({"n": [{"exists": false}]})", false},
        {R"({"absent": [{"exists": false}]})", true},
        {R"({"absent": [{"exists": true}]})", false},
        {R"({"data": {"absent": [{"exists": false}]}})", true},
        {R"({"none": [{"exists": true}]})", true},
        {R"({"ip": [{"cidr": "10.0.0.0/16"}]})", true},
        {R"({"ip": [{"cidr": "10.0.1.4/30"}]})", true},
        {R"({"ip": [{"cidr": "10.0.1.0/30"}]})", false},
        {R"({"ip": [{"cidr": "fe80::/10"}]})", false},
        {R"({"type": [{"cidr": "10.0.0.0/8"}]})", false},
    }));

INSTANTIATE_TEST_SUITE_P(
    AnythingBut, Patterns,
    ::testing::ValuesIn(std::vector<Case>{
        {R"({"type": [{"anything-but": "slurm.job.start"}]})", true},
        {R"({"type": [{"anything-but": "slurm.job.end"}]})", false},
        {R"({"type": [{"anything-but": ["a", "slurm.job.end"]}]})", false},
        {R"({"n": [{"anything-but": 5}]})", false},
        {R"({"n": [{"anything-but": [1, 2]}]})", true},
        {R"({"type": [{"anything-but": {"prefix": "slurm.node."}}]})", true},
        {R"({"type": [{"anything-but": {"prefix": ["slurm.", "x"]}}]})", false},
        {R"({"type": [{"anything-but": {"suffix": ".end"}}]})", false},
        {R"({"type": [{"anything-but": {"wildcard": "*job*"}}]})", false},
        {R"({"type": [{"anything-but": {"equals-ignore-case": "SLURM.JOB.END"}}]})", false},
        {R"({"absent": [{"anything-but": "x"}]})", false},
    }));

INSTANTIATE_TEST_SUITE_P(
    Or, Patterns,
    ::testing::ValuesIn(std::vector<Case>{
        {R"({"$or": [{"n": [1]}, {"type": ["slurm.job.end"]}]})", true},
        {R"({"$or": [{"n": [1]}, {"n": [2]}]})", false},
        {R"({"source": ["/slurm/c2"], "$or": [{"n": [5]}, {"n": [2]}]})", false},
        {R"({"data": {"job": {"$or": [{"cpus": [8]}, {"cpus": [9]}]}}})", true},
    }));

class BadPatterns : public ::testing::TestWithParam<const char*> {};

TEST_P(BadPatterns, AreReportedAndMatchNothing) {
  config::Problems problems;
  Pattern p = Pattern::compile(json(GetParam()), "routes[0].pattern", &problems);
  ASSERT_FALSE(problems.empty());
  EXPECT_TRUE(problems[0].path.starts_with("routes[0].pattern"));
  EXPECT_FALSE(p.matches(json(kEvent)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPatterns,
    ::testing::Values("[]", "1", "null", "{}", R"({"type": "slurm.job.end"})", R"({"type": []})",
                      R"({"type": {}})", R"({"type": [["a"]]})", R"({"type": [{"prefiks": "a"}]})",
                      R"({"type": [{"prefix": "a", "suffix": "b"}]})",
                      R"({"type": [{"prefix": 1}]})", R"({"n": [{"numeric": [">"]}]})",
                      R"({"n": [{"numeric": ["!", 1]}]})", R"({"n": [{"numeric": [">", "1"]}]})",
                      R"({"n": [{"exists": 1}]})", R"({"ip": [{"cidr": "10.0.0.0"}]})",
                      R"({"ip": [{"cidr": "10.0.0.0/33"}]})", R"({"type": [{"anything-but": []}]})",
                      R"({"type": [{"anything-but": {"numeric": 1}}]})", R"({"$or": [{"n": [1]}]})",
                      R"({"$or": {"n": [1]}})"));

TEST(Wildcard, StarsAndEscapes) {
  EXPECT_TRUE(wildcard_match("", ""));
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(wildcard_match("a*b", "a-b-"));
  EXPECT_FALSE(wildcard_match("a", "ab"));
  EXPECT_FALSE(wildcard_match("ab", "a"));
  EXPECT_TRUE(wildcard_match("a\\*", "a*"));
  EXPECT_FALSE(wildcard_match("a\\*", "ab"));
  EXPECT_TRUE(wildcard_match("a\\\\*", "a\\b"));
  EXPECT_TRUE(wildcard_match("*\\**", "x*y"));
  // Many stars over a long text: must not take exponential time.
  std::string many;
  for (int i = 0; i < 50; ++i) many += "*a";
  EXPECT_FALSE(wildcard_match(many + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace sluice::pattern
