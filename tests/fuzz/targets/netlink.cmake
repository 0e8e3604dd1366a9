warren_fuzz(netlink LINK stacks)
