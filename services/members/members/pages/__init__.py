"""Pages for visitors, members and staff, by capability. Each works without JavaScript."""

from members.pages import erasure, joining, profile, sign_in, staff, well_known

routers = [joining.router, sign_in.router, profile.router, erasure.router, staff.router, well_known.router]
