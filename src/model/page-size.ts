// Defines the size of the largest page of a list. The services and the catalog check it, and
// GetInfo reports it.

export const maxPageSize = 1000;
