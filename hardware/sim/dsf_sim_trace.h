// SPDX-License-Identifier: Apache-2.0
//
// What happened in a simulation, and whether feature memory holds what it should. Cycles of a run count from its first
// instruction beat.
//
// What the array does, cycle by cycle, belongs to the MATRIX instruction whose steps come next: an instruction has the cycles
// from the last step of the one before it, or from start, to its own last step. What is left belongs to nobody.

#ifndef DSF_SIM_TRACE_H
#define DSF_SIM_TRACE_H

#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dsf.h"
#include "dsf_sim_memory.h"

namespace sim {

constexpr int kQueues = 5;
constexpr int64_t kNever = -1;
constexpr int kMaxWords = 128;  // 32-bit words of a word of feature memory

inline std::vector<int64_t> read_numbers(const std::string &path) {
  std::ifstream file(path);
  return {std::istream_iterator<int64_t>(file), {}};
}

// What each instruction writes into feature memory. The file `checks` has a line for each instruction of a queue, in program
// order: its number, its queue, and ranges of elements, first and count; `expected` the elements of all ranges, one a byte,
// for each run. Empty: nothing is checked.
class Checks {
 public:
  struct Range {
    uint32_t first, count;
  };
  struct Instruction {
    uint32_t index;
    uint64_t offset;  // of its elements in a run's part of `expected`
    std::vector<Range> ranges;
  };

  Checks(const std::string &checks, const std::string &expected) {
    std::ifstream lines(checks);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream numbers(line);
      Instruction one{0, bytes_, {}};
      unsigned queue = 0;
      numbers >> one.index >> queue;
      for (Range range{}; numbers >> range.first >> range.count;) {
        one.ranges.push_back(range);
        bytes_ += range.count;
      }
      queues_[queue].push_back(std::move(one));
    }
    std::ifstream file(expected, std::ios::binary);
    expected_.assign(std::istreambuf_iterator<char>(file), {});
  }

  // The n-th instruction of a queue; null if nothing is known of it.
  const Instruction *find(int queue, size_t n) const { return n < queues_[queue].size() ? &queues_[queue][n] : nullptr; }

  const uint8_t *expected(const Instruction &one, size_t run) const {
    const uint64_t offset = run * bytes_ + one.offset;
    return offset < expected_.size() ? expected_.data() + offset : nullptr;
  }

 private:
  std::vector<Instruction> queues_[kQueues];
  std::vector<uint8_t> expected_;
  uint64_t bytes_ = 0;
};

class Trace {
 public:
  // Reads a word of feature memory.
  using Peek = void (*)(uint32_t word, uint32_t *data);

  Trace(std::vector<int64_t> steps, Checks checks) : steps_(std::move(steps)), checks_(std::move(checks)) {}

  void set_word(unsigned vec_len, unsigned x_bits) {
    vec_len_ = vec_len;
    x_bits_ = x_bits;
  }

  // A new run, or, `again`, the present one from its beginning.
  void begin_run(uint64_t cycle, bool again) {
    if (again) runs_.pop_back();
    runs_.emplace_back();
    checking_ = false;
    begin_ = kNever;
    origin_ = cycle;
    step_instruction_ = 0;
    step_count_ = 0;
    runs_.back().array.resize(steps_.size() + 1);
  }

  // From here on, feature memory ought to hold what is expected of the run.
  void begin_checks() { checking_ = true; }

  void end_run(dsf_result result, const struct dsf &engine) {
    Run &run = runs_.back();
    run.result = result;
    if (result > DSF_OK && result < DSF_NO_ENGINE) run.error = engine.error;
  }

  // What a good run took.
  void set_done(uint64_t cycle) { runs_.back().done = relative(cycle); }
  // Of the firmware's dsf_load before a run: it failed; what its load program took.
  void set_loading(bool loading) { runs_.back().loading = loading; }
  void set_load_cycles(uint64_t cycles) { runs_.back().load_cycles = static_cast<int64_t>(cycles); }
  void set_accesses(uint64_t count) { runs_.back().accesses = count; }
  void set_beats(Port port, uint64_t count) { runs_.back().beats[port] = count; }
  void set_counters(const struct dsf_counters &counters) { runs_.back().counters = counters; }

  void instruction_beat(uint64_t cycle) {
    if (begin_ == kNever) begin_ = static_cast<int64_t>(cycle);
  }
  void input_beat(uint64_t cycle) {
    if (runs_.back().first_input == kNever) runs_.back().first_input = relative(cycle);
  }
  void output_beat(uint64_t cycle) { runs_.back().last_output = relative(cycle); }

  // A cycle of a run, of which `counter` is what the engine counts.
  void array(unsigned counter) { ++runs_.back().array[step_instruction_].at(counter); }

  void step(uint64_t cycle) {
    if (runs_.empty() || step_instruction_ >= steps_.size()) return;
    auto &steps = runs_.back().steps;
    if (step_count_ == 0) steps.emplace_back(relative(cycle), relative(cycle));
    steps.back().second = relative(cycle);
    if (++step_count_ < steps_[step_instruction_]) return;
    step_count_ = 0;
    ++step_instruction_;
  }

  void starts(uint64_t cycle, unsigned queues) { note(cycle, queues, runs_.back().starts); }

  // Instructions that complete: what they have written is in feature memory, and nobody has been told yet.
  void finishes(uint64_t cycle, unsigned queues, Peek peek) {
    auto &finishes = runs_.back().finishes;
    for (int q = 0; q < kQueues; ++q) {
      if (queues >> q & 1) check(q, finishes[q].size(), peek);
    }
    note(cycle, queues, finishes);
  }

  bool mismatch() const { return mismatch_.has_value(); }

  void write(std::ostream &out, uint64_t cycles) const {
    out << "{\"cycles\":" << cycles << ",\"mismatch\":";
    if (mismatch_) {
      out << '[' << mismatch_->run << ',' << mismatch_->instruction << ',' << mismatch_->address << ','
          << unsigned{mismatch_->got} << ',' << unsigned{mismatch_->expected} << ']';
    } else {
      out << "null";
    }
    out << ",\"runs\":[";
    for (size_t i = 0; i < runs_.size(); ++i) {
      out << (i ? "," : "") << '\n';
      write_run(out, runs_[i]);
    }
    out << "]}\n";
  }

 private:
  using Queues = std::vector<int64_t>[kQueues];

  struct Run {
    dsf_result result = DSF_OK;
    struct dsf_error error {};
    bool loading = false;
    int64_t first_input = kNever, last_output = kNever, done = kNever, load_cycles = kNever;
    uint64_t accesses = 0;
    uint64_t beats[kPorts] = {};
    struct dsf_counters counters {};
    std::vector<std::array<uint32_t, DSF_NUM_COUNTERS>> array;
    Queues starts, finishes;
    std::vector<std::pair<int64_t, int64_t>> steps;
  };

  struct Mismatch {
    size_t run;
    uint32_t instruction, address;
    uint8_t got, expected;
  };

  int64_t relative(uint64_t cycle) const {
    return static_cast<int64_t>(cycle) - (begin_ == kNever ? static_cast<int64_t>(origin_) : begin_);
  }

  void note(uint64_t cycle, unsigned queues, Queues &lists) const {
    for (int q = 0; q < kQueues; ++q) {
      if (queues >> q & 1) lists[q].push_back(relative(cycle));
    }
  }

  void check(int queue, size_t n, Peek peek) {
    const Checks::Instruction *one = checks_.find(queue, n);
    const size_t run = runs_.size() - 1;
    const uint8_t *expected = one == nullptr ? nullptr : checks_.expected(*one, run);
    if (expected == nullptr || !checking_ || mismatch_) return;
    uint32_t word[kMaxWords];
    uint32_t held = UINT32_MAX;
    for (const Checks::Range &range : one->ranges) {
      for (uint32_t address = range.first; address < range.first + range.count; ++address) {
        if (address / vec_len_ != held) {
          held = address / vec_len_;
          peek(held, word);
        }
        const unsigned bit = address % vec_len_ * x_bits_;
        const auto got = static_cast<uint8_t>(word[bit / 32] >> (bit % 32) & ((1u << x_bits_) - 1));
        if (got != *expected) {
          mismatch_ = Mismatch{run, one->index, address, got, *expected};
          return;
        }
        ++expected;
      }
    }
  }

  template <typename Numbers>
  static void write_list(std::ostream &out, const Numbers &numbers) {
    const char *before = "[";
    for (const auto number : numbers) {
      out << before << number;
      before = ",";
    }
    out << ']';
  }

  // Cycles, what the array did in the order of its counters, bytes by port.
  static void write_counters(std::ostream &out, const struct dsf_counters &c) {
    out << ",\"engine_cycles\":" << c.cycles;
    const uint32_t array[] = {c.busy,         c.stall_pixels, c.stall_drain,   c.stall_matrix, c.stall_vector,
                              c.stall_output, c.stall_load,   c.stall_weights, c.idle};
    write_list(out << ",\"engine_array\":", array);
    const uint64_t bytes[] = {c.instruction_bytes, c.feature_bytes, c.weight_bytes, c.output_bytes};
    write_list(out << ",\"engine_bytes\":", bytes);
  }

  static void write_queues(std::ostream &out, const char *name, const Queues &queues) {
    out << ",\"" << name << "\":[";
    for (int q = 0; q < kQueues; ++q) {
      out << (q ? ",[" : "[");
      for (size_t k = 0; k < queues[q].size(); ++k) out << (k ? "," : "") << queues[q][k];
      out << ']';
    }
    out << ']';
  }

  static void write_run(std::ostream &out, const Run &run) {
    out << "{\"result\":\"" << dsf_error_name(run.result) << "\",\"instruction\":" << run.error.instruction
        << ",\"port\":" << static_cast<int>(run.error.port) << ",\"response\":" << unsigned{run.error.response}
        << ",\"loading\":" << run.loading << ",\"load_cycles\":" << run.load_cycles
        << ",\"queue\":" << unsigned{run.error.queue} << ",\"tokens\":" << unsigned{run.error.tokens}
        << ",\"first_input\":" << run.first_input << ",\"last_output\":" << run.last_output << ",\"done\":" << run.done
        << ",\"accesses\":" << run.accesses;
    write_counters(out, run.counters);
    write_list(out << ",\"beats\":", run.beats);
    out << ",\"array\":[";
    for (size_t k = 0; k < run.array.size(); ++k) write_list(out << (k ? "," : ""), run.array[k]);
    out << ']';
    write_queues(out, "starts", run.starts);
    write_queues(out, "finishes", run.finishes);
    out << ",\"steps\":[";
    for (size_t k = 0; k < run.steps.size(); ++k) {
      out << (k ? "," : "") << '[' << run.steps[k].first << ',' << run.steps[k].second << ']';
    }
    out << "]}";
  }

  const std::vector<int64_t> steps_;
  const Checks checks_;
  unsigned vec_len_ = 1, x_bits_ = 8;
  std::vector<Run> runs_;
  std::optional<Mismatch> mismatch_;
  bool checking_ = false;
  int64_t begin_ = kNever;
  uint64_t origin_ = 0;
  size_t step_instruction_ = 0;
  int64_t step_count_ = 0;
};

}  // namespace sim

#endif
