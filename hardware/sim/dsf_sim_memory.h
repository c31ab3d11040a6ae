// SPDX-License-Identifier: Apache-2.0
//
// A memory on AXI4 ports, for the C++ simulation: regions of DRAM at addresses of the 64-bit bus, and what reads and writes
// them. An access outside is answered with DECERR, a burst may be made to fail, and what a beat holds beside a region's bytes
// is random.
//
// A port is driven before the clock's falling edge and looked at after it, so that a beat moves at the rising edge that
// follows. A beat that is offered stays until it is taken.

#ifndef DSF_SIM_MEMORY_H
#define DSF_SIM_MEMORY_H

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "verilated.h"

namespace sim {

using Bytes = std::vector<uint8_t>;
using Wide = VlWide<8>;

// What base registers point at, and the load program.
enum Base { kProgram, kWeights, kInput, kOutput, kArena, kLoadProgram, kBases };
enum Port { kInstructionPort, kFeaturePort, kWeightPort, kOutputPort, kPorts };
enum Response : uint8_t { kOkay = 0, kSlvErr = 2, kDecErr = 3 };

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u) {}
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 32);
  }
  bool chance(double probability) { return probability > 0 && next() < probability * 4294967296.0; }

 private:
  uint64_t state_;
};

// How memory behaves: the probability, each cycle, that a channel pauses, and the cycles from an address to its data, at
// least; with stalls up to twice that and 16 more.
struct Timing {
  double stall;
  uint64_t latency;

  uint64_t due(uint64_t cycle, Random &random) const {
    return cycle + 1 + latency + (stall > 0 ? random.next() % (latency + 16) : 0);
  }
};

// Responses that are forced: of the n-th burst of a port in a run.
using Faults = std::map<std::pair<Port, uint64_t>, Response>;

class Memory {
 public:
  struct Region {
    uint64_t address = 0;
    Bytes data;
  };

  Region &operator[](Base base) { return regions_[base]; }

  bool holds(Base base, uint64_t address) const {
    return address - regions_[base].address < regions_[base].data.size();
  }

  // The bytes of [address, address + count) that a region has; DECERR if there are none.
  Response read(uint64_t address, unsigned count, uint8_t *bytes) const {
    bool found = false;
    for (const Region &region : regions_) {
      if (region.data.empty()) continue;
      const uint64_t last = region.address + (region.data.size() - 1);
      const uint64_t from = std::max(address, region.address), to = std::min(address + (count - 1), last);
      if (from > to) continue;
      std::memcpy(bytes + (from - address), region.data.data() + (from - region.address), to - from + 1);
      found = true;
    }
    return found ? kOkay : kDecErr;
  }

  // Writes the bytes that are strobed; DECERR if one of them is outside.
  Response write(uint64_t address, unsigned count, const uint8_t *bytes, uint32_t strobes) {
    Response response = kOkay;
    for (unsigned i = 0; i < count; ++i) {
      if ((strobes >> i & 1) == 0) continue;
      const auto region = std::find_if(std::begin(regions_), std::end(regions_), [&](const Region &one) {
        return address + i - one.address < one.data.size();
      });
      if (region == std::end(regions_)) {
        response = kDecErr;
      } else {
        region->data[address + i - region->address] = bytes[i];
      }
    }
    return response;
  }

 private:
  Region regions_[kBases];
};

// The signals of a port, from the model.
struct ReadPins {
  const CData &arid;
  const QData &araddr;
  const CData &arlen, &arvalid;
  CData &arready, &rid;
  Wide &rdata;
  CData &rresp, &rlast, &rvalid;
  const CData &rready;
};

struct WritePins {
  const QData &awaddr;
  const CData &awlen, &awvalid;
  CData &awready;
  const Wide &wdata;
  const IData &wstrb;
  const CData &wlast, &wvalid;
  CData &wready, &bresp, &bvalid;
  const CData &bready;
};

// What the two kinds of ports share.
class PortBase {
 public:
  PortBase(Memory &memory, const Timing &timing, Random &random) : memory_(memory), timing_(timing), random_(random) {}

  void set_beat_bytes(unsigned bytes) { beat_bytes_ = bytes; }

  // The responses to force in the run that begins.
  void begin_run(const Faults &faults) {
    faults_ = faults;
    counts_.clear();
    std::fill(std::begin(beats_), std::end(beats_), 0);
  }

  // Beats of data that have moved in this run.
  uint64_t beats(Port port) const { return beats_[port]; }

 protected:
  void count_beat(Port port) { ++beats_[port]; }

  bool pause() { return random_.chance(timing_.stall); }

  Response forced(Port port) {
    const auto fault = faults_.find({port, counts_[port]++});
    return fault == faults_.end() ? kOkay : fault->second;
  }

  void check_burst(uint64_t address, unsigned beats) const {
    const uint64_t bytes = uint64_t{beats} * beat_bytes_;
    if (address % beat_bytes_ != 0 || address % 4096 + bytes > 4096) {
      throw std::runtime_error("a burst of " + std::to_string(bytes) + " bytes at " + std::to_string(address) +
                               " is unaligned or crosses a 4 KB border");
    }
  }

  Memory &memory_;
  const Timing &timing_;
  Random &random_;
  unsigned beat_bytes_ = 0;

 private:
  Faults faults_;
  std::map<Port, uint64_t> counts_;
  uint64_t beats_[kPorts] = {};
};

class ReadPort : public PortBase {
 public:
  // `ports` are those of the IDs.
  ReadPort(ReadPins pins, std::vector<Port> ports, Memory &memory, const Timing &timing, Random &random)
      : PortBase(memory, timing, random), pins_(pins), ports_(std::move(ports)) {}

  void reset() {
    bursts_.clear();
    taken_ = false;
    pins_.arready = pins_.rvalid = 0;
  }

  void drive(uint64_t cycle) {
    pins_.arready = !pause();
    if (pins_.rvalid && !taken_) return;
    taken_ = false;
    pins_.rvalid = 0;
    if (bursts_.empty()) return;
    const auto burst = choose();
    if (burst->due > cycle || pause()) return;
    offer(*burst);
    if (++burst->at == burst->beats) bursts_.erase(burst);
  }

  // The port and the address of the beat that moves now; false if none does.
  bool observe(uint64_t cycle, Port &port, uint64_t &address) {
    if (pins_.arvalid && pins_.arready) {
      const Port owner = ports_.at(pins_.arid);
      const unsigned beats = pins_.arlen + 1u;
      check_burst(pins_.araddr, beats);
      bursts_.push_back({owner, pins_.arid, pins_.araddr, beats, 0, forced(owner), timing_.due(cycle, random_)});
    }
    taken_ = pins_.rvalid && pins_.rready;
    if (taken_) count_beat(offered_port_);
    port = offered_port_;
    address = offered_address_;
    return taken_;
  }

 private:
  struct Burst {
    Port port;
    CData id;
    uint64_t address;
    unsigned beats, at;
    Response forced;
    uint64_t due;
  };

  // Answers of one ID are in order; with stalls those of different IDs are mixed.
  std::deque<Burst>::iterator choose() {
    const auto first = bursts_.begin();
    if (timing_.stall == 0 || random_.next() % 2 == 0) return first;
    const auto other = std::find_if(first, bursts_.end(), [&](const Burst &one) { return one.id != first->id; });
    return other == bursts_.end() ? first : other;
  }

  void offer(const Burst &burst) {
    uint32_t words[8] = {};
    for (unsigned i = 0; i < beat_bytes_ / 4; ++i) words[i] = random_.next();
    offered_port_ = burst.port;
    offered_address_ = burst.address + uint64_t{burst.at} * beat_bytes_;
    const Response found = memory_.read(offered_address_, beat_bytes_, reinterpret_cast<uint8_t *>(words));
    for (unsigned i = 0; i < 8; ++i) pins_.rdata[i] = words[i];
    pins_.rid = burst.id;
    pins_.rresp = burst.forced != kOkay ? burst.forced : found;
    pins_.rlast = burst.at + 1 == burst.beats;
    pins_.rvalid = 1;
  }

  ReadPins pins_;
  const std::vector<Port> ports_;
  std::deque<Burst> bursts_;
  bool taken_ = false;
  Port offered_port_ = kInstructionPort;
  uint64_t offered_address_ = 0;
};

class WritePort : public PortBase {
 public:
  WritePort(WritePins pins, Memory &memory, const Timing &timing, Random &random)
      : PortBase(memory, timing, random), pins_(pins) {}

  void reset() {
    bursts_.clear();
    beats_.clear();
    answers_.clear();
    taken_ = false;
    pins_.awready = pins_.wready = pins_.bvalid = 0;
  }

  void drive(uint64_t cycle) {
    pins_.awready = !pause();
    pins_.wready = !pause();
    if (pins_.bvalid && !taken_) return;
    taken_ = false;
    pins_.bvalid = !answers_.empty() && answers_.front().due <= cycle && !pause();
    if (!pins_.bvalid) return;
    pins_.bresp = answers_.front().response;
    answers_.pop_front();
  }

  // The address of the beat that is written now; false if none is.
  bool observe(uint64_t cycle, uint64_t &address) {
    if (pins_.awvalid && pins_.awready) {
      const unsigned beats = pins_.awlen + 1u;
      check_burst(pins_.awaddr, beats);
      bursts_.push_back({pins_.awaddr, beats, 0, forced(kOutputPort)});
    }
    if (pins_.wvalid && pins_.wready) {
      Beat beat{{}, pins_.wstrb, pins_.wlast != 0};
      for (unsigned i = 0; i < 8; ++i) beat.words[i] = pins_.wdata[i];
      beats_.push_back(beat);
      count_beat(kOutputPort);
    }
    taken_ = pins_.bvalid && pins_.bready;
    if (bursts_.empty() || beats_.empty()) return false;
    address = write(cycle);
    return true;
  }

 private:
  struct Burst {
    uint64_t address;
    unsigned beats, at;
    Response response;
  };
  struct Beat {
    uint32_t words[8];
    uint32_t strobes;
    bool last;
  };
  struct Answer {
    Response response;
    uint64_t due;
  };

  uint64_t write(uint64_t cycle) {
    Burst &burst = bursts_.front();
    const Beat &beat = beats_.front();
    const uint64_t address = burst.address + uint64_t{burst.at} * beat_bytes_;
    const Response found = memory_.write(address, beat_bytes_, reinterpret_cast<const uint8_t *>(beat.words), beat.strobes);
    if (burst.response == kOkay) burst.response = found;
    const bool last = ++burst.at == burst.beats;
    if (last != beat.last) throw std::runtime_error("wlast is not at the end of its burst");
    beats_.pop_front();
    if (last) {
      answers_.push_back({burst.response, timing_.due(cycle, random_)});
      bursts_.pop_front();
    }
    return address;
  }

  WritePins pins_;
  std::deque<Burst> bursts_;
  std::deque<Beat> beats_;
  std::deque<Answer> answers_;
  bool taken_ = false;
};

}  // namespace sim

#endif
