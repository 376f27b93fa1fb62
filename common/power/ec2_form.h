// What EC2 is asked: the form that its query protocol takes, from values written as the EC2 API
// Reference writes them ("Actions", "Data Types"). Users' configuration holds such objects, so this
// side has to know by which names they travel. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/json/json.h"

namespace sluice::power::ec2 {

// Appends &KEY=VALUE for every scalar in `value`: members of an object as KEY.Member, elements of
// an array as KEY.1, KEY.2, …; numbers as in the JSON text, booleans as true and false. A null and
// an empty object or array append nothing; a null element of an array is not counted.
//
// Lists may have the reference's names: TagSpecifications goes as TagSpecification.1. That holds
// for members and for the last part of `key`, which is otherwise sent as it is (and must come from
// this program, not from outside). With an empty `key`, an object's members are the request's own.
//
// Not checked: whether EC2 knows the members, or wants them of this type. It answers that itself.
void add_field(std::string* body, const std::string& key, const Json& value);
void add_field(std::string* body, const std::string& key, std::string_view value);

}  // namespace sluice::power::ec2
