"""Attribution: which touches a conversion is credited to, and how much."""
