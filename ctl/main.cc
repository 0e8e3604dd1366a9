#include <iostream>
#include <string>
#include <vector>

#include "ctl/command.h"

int main(int argc, char** argv) {
    warren::ctl::Output output{std::cout, std::cerr};
    const int status = warren::ctl::run(std::vector<std::string>(argv + 1, argv + argc), output);
    std::cout.flush();
    if (!std::cout && status == warren::ctl::kDone)
        return warren::ctl::complain(output, warren::ctl::kFailed, "cannot write the output");
    return status;
}
