#include "ctl/files/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace warren::ctl {

namespace {

constexpr std::size_t kBlock = 512;

// Fields of a ustar header: where, and how many bytes.
constexpr std::size_t kName = 0, kNameSize = 100;
constexpr std::size_t kMode = 100, kUid = 108, kGid = 116, kSize = 124, kTime = 136, kChecksum = 148, kType = 156,
                      kMagic = 257;

void put(std::string& header, std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string header_of(const TarFile& file, std::int64_t time) {
    std::string out(kBlock, '\0');
    put(out, kName, std::string_view(file.name).substr(0, kNameSize - 1));
    put(out, kMode, "0000600");
    put(out, kUid, "0000000");
    put(out, kGid, "0000000");
    put(out, kSize, fmt::format("{:011o}", file.text.size()));
    put(out, kTime, fmt::format("{:011o}", std::max<std::int64_t>(time, 0)));
    put(out, kChecksum, "        ");  // counts as blanks
    put(out, kType, "0");
    put(out, kMagic, std::string_view("ustar\00000", 8));
    const auto sum = std::accumulate(out.begin(), out.end(), 0U,
                                     [](unsigned all, char c) { return all + static_cast<unsigned char>(c); });
    put(out, kChecksum, fmt::format("{:06o}", sum) + '\0');
    return out;
}

}  // namespace

std::string tar_of(const std::vector<TarFile>& files, std::int64_t time) {
    std::string out;
    for (const TarFile& file : files) {
        out += header_of(file, time);
        out += file.text;
        out.resize((out.size() + kBlock - 1) / kBlock * kBlock, '\0');
    }
    out.append(2 * kBlock, '\0');  // the end
    return out;
}

}  // namespace warren::ctl
