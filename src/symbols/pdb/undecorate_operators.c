/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The letters of operators; see undecorate_operators.h. */
#include "symbols/pdb/undecorate_operators.h"

#include <stdbool.h>
#include <string.h>

const char *hs_undecorate_operator (const char *at, size_t *ret_length)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const plain[] = {
        HS_OPERATOR_CONSTRUCTOR,
        HS_OPERATOR_DESTRUCTOR,
        "operator new",
        "operator delete",
        "operator=",
        "operator>>",
        "operator<<",
        "operator!",
        "operator==",
        "operator!=",
        "operator[]",
        HS_OPERATOR_CONVERSION,
        "operator->",
        "operator*",
        "operator++",
        "operator--",
        "operator-",
        "operator+",
        "operator&",
        "operator->*",
        "operator/",
        "operator%",
        "operator<",
        "operator<=",
        "operator>",
        "operator>=",
        "operator,",
        "operator()",
        "operator~",
        "operator^",
        "operator|",
        "operator&&",
        "operator||",
        "operator*=",
        "operator+=",
        "operator-=",
    };
    static const char *const underscored[] = {
        "operator/=",
        "operator%=",
        "operator>>=",
        "operator<<=",
        "operator&=",
        "operator|=",
        "operator^=",
        "`vftable'",
        "`vbtable'",
        "`vcall'",
        "`typeof'",
        NULL, /* guards and string literals are no functions */
        NULL,
        "`vbase dtor'",
        "`vector deleting dtor'",
        "`default ctor closure'",
        "`scalar deleting dtor'",
        "`vector ctor iterator'",
        "`vector dtor iterator'",
        "`vector vbase ctor iterator'",
        "`virtual displacement map'",
        "`eh vector ctor iterator'",
        "`eh vector dtor iterator'",
        "`eh vector vbase ctor iterator'",
        "`copy ctor closure'",
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        "operator new[]",
        "operator delete[]",
        NULL,
        NULL,
        NULL,
        NULL,
    };
    bool is_underscored = at[0] == '_';
    const char *letter = at[is_underscored] != '\0' ? strchr (letters, at[is_underscored]) : NULL;

    *ret_length = is_underscored ? 2 : 1;
    if (letter == NULL)
        return NULL;
    return is_underscored ? underscored[letter - letters] : plain[letter - letters];
}
