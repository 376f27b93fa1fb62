// The event types, and the ids that stay the same when an event is seen again.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sluice::event {

constexpr const char* kJobStart = "slurm.job.start";
constexpr const char* kJobEnd = "slurm.job.end";
constexpr const char* kJobLaunch = "slurm.job.launch";
constexpr const char* kJobExit = "slurm.job.exit";
constexpr const char* kStepStart = "slurm.step.start";
constexpr const char* kStepEnd = "slurm.step.end";
constexpr const char* kJobCancelled = "slurm.job.cancelled";
constexpr const char* kJobRequeue = "slurm.job.requeue";
constexpr const char* kJobLost = "slurm.job.lost";
constexpr const char* kNodeResume = "slurm.node.resume";
constexpr const char* kNodeReady = "slurm.node.ready";
constexpr const char* kNodeSuspend = "slurm.node.suspend";
constexpr const char* kNodeFailed = "slurm.node.failed";
constexpr const char* kNodeInterrupted = "slurm.node.interrupted";
constexpr const char* kNodeOrphan = "slurm.node.orphan";
constexpr const char* kSinkRefused = "sluice.sink.refused";
constexpr const char* kGap = "sluice.gap";

// 32 hex digits: the first half of SHA-256 over the parts, each followed by a NUL. For an event of
// a run the parts are cluster, job id, start time with restart count, type, and step or node where
// the type has them.
std::string id_of(std::initializer_list<std::string_view> parts);

// user.NAME with NAME of [a-z0-9_.-], at most 64 characters in all.
bool is_user_type(std::string_view type);

// Of power save's events.
bool is_node_type(std::string_view type);

// The bits of selection.h that a type answers to; `failed` says how a slurm.job.end ended.
uint32_t selection_bits(std::string_view type, bool failed);

}  // namespace sluice::event
